package localhub_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"testing"
	"time"

	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
)

// serverCertificate shakes hands with a hub as a client that looks for name.
func serverCertificate(t *testing.T, hostName, name string) (*x509.Certificate, error) {
	t.Helper()
	l := overPipes(t, localhub.Options{HostName: hostName})
	c, err := l.connect(t.Context())
	check(t, err)
	secured := tls.Client(c, &tls.Config{RootCAs: trust(l.hub), ServerName: name})
	defer secured.Close()
	if err := secured.HandshakeContext(t.Context()); err != nil {
		return nil, err
	}
	return secured.ConnectionState().PeerCertificates[0], nil
}

func TestCertificateNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		hostName, name string
		valid          bool
	}{
		{"", "localhost", true},
		{"", "127.0.0.1", true},
		{"", "::1", true},
		{"", "myhub.localhost", false},
		{"myhub.localhost", "myhub.localhost", true},
		{"myhub.localhost", "MyHub.localhost", true},
		{"myhub.localhost", "localhost", true},
		{"myhub.localhost", "127.0.0.1", true},
		{"myhub.localhost", "hub.example", false},
		{"myhub.localhost:5671", "myhub.localhost", true},
		{"127.0.0.2", "127.0.0.2", true},
		{"a-name-that-is-longer-than-a-common-name-may-be.my-own.lab.example", "localhost", true},
	} {
		t.Run(test.hostName+" as "+test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := serverCertificate(t, test.hostName, test.name); (err == nil) != test.valid {
				t.Errorf("error = %v, want valid = %v", err, test.valid)
			}
		})
	}
}

// TestAliases checks that each name of a hub is in its certificate, and is taken for
// the hub's in tokens, with whatever port.
func TestAliases(t *testing.T) {
	t.Parallel()
	l := overLoopback(t, localhub.Options{HostName: "first.example", Aliases: []string{"hub", "second.example:5671", "192.0.2.7"}})
	for name, valid := range map[string]bool{
		"first.example": true, "hub": true, "second.example": true, "192.0.2.7": true, "localhost": true,
		"third.example": false, "192.0.2.8": false,
	} {
		c, err := l.connect(t.Context())
		check(t, err)
		secured := tls.Client(c, &tls.Config{RootCAs: trust(l.hub), ServerName: name})
		if err := secured.HandshakeContext(t.Context()); (err == nil) != valid {
			t.Errorf("certificate for %s: %v, want valid = %v", name, err, valid)
		}
		if valid && secured.ConnectionState().PeerCertificates[0].Subject.CommonName != "first.example" {
			t.Errorf("common name %q, want the first name", secured.ConnectionState().PeerCertificates[0].Subject.CommonName)
		}
		check(t, c.Close())
		token := signed(defaults.Key(), name+":15671", "service", time.Hour)
		response, body := deletePath(t, l, route{}, "/devices/dev1/commands?api-version=1", token)
		if (response.StatusCode == http.StatusOK) != valid {
			t.Errorf("token for %s: %d %s, want valid = %v", name, response.StatusCode, body, valid)
		}
	}
}

// TestCertificateFields checks what strict clients look at (RFC 5280 §4.2).
func TestCertificateFields(t *testing.T) {
	t.Parallel()
	c, err := serverCertificate(t, "", "localhost")
	check(t, err)
	if c.IsCA || !c.BasicConstraintsValid || c.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("CA = %v, basic constraints = %v, key usage = %b", c.IsCA, c.BasicConstraintsValid, c.KeyUsage)
	}
	if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
		t.Errorf("extended key usage = %v, want that of a server", c.ExtKeyUsage)
	}
	if len(c.AuthorityKeyId) == 0 || c.SerialNumber.Sign() <= 0 {
		t.Errorf("authority key id = %x, serial number = %v", c.AuthorityKeyId, c.SerialNumber)
	}
	now := time.Now()
	if early, late := now.Sub(c.NotBefore), c.NotAfter.Sub(now); early < 59*time.Minute || late < 365*24*time.Hour || late > 398*24*time.Hour {
		t.Errorf("valid from %v ago for another %v", early, late)
	}
}

func TestCACertificate(t *testing.T) {
	t.Parallel()
	hub := newHub(t, localhub.Options{})
	defer hub.Close()
	block, rest := pem.Decode(hub.CACertificate())
	if block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
		t.Fatalf("not one PEM certificate: %s", hub.CACertificate())
	}
	c, err := x509.ParseCertificate(block.Bytes)
	check(t, err)
	if !c.IsCA || !c.BasicConstraintsValid || !c.MaxPathLenZero || c.KeyUsage&x509.KeyUsageCertSign == 0 || len(c.SubjectKeyId) == 0 {
		t.Errorf("not a CA for leaf certificates only: %+v", c)
	}
	if !bytes.Equal(hub.CACertificate(), hub.CACertificate()) {
		t.Error("the CA changes from call to call")
	}
	other := newHub(t, localhub.Options{})
	defer other.Close()
	if bytes.Equal(hub.CACertificate(), other.CACertificate()) {
		t.Error("two hubs have the same CA")
	}
}
