package localhub_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/localhub"
)

// paper is a certificate with its key and those of its CAs.
type paper struct {
	tls.Certificate
	key *ecdsa.PrivateKey
}

// newPaper makes a certificate, signed by the issuer or, if it is nil, by
// itself.
func newPaper(t *testing.T, name string, issuer *paper, change func(*x509.Certificate)) *paper {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-24 * time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		BasicConstraintsValid: true,
	}
	if change != nil {
		change(template)
	}
	p := &paper{key: key, Certificate: tls.Certificate{PrivateKey: key}}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.Leaf, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	check(t, err)
	p.Leaf, err = x509.ParseCertificate(der)
	check(t, err)
	p.Certificate.Certificate = [][]byte{der}
	if issuer != nil {
		p.Certificate.Certificate = append(p.Certificate.Certificate, issuer.Certificate.Certificate...)
	}
	return p
}

func isCA(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }

func expired(c *x509.Certificate)     { c.NotAfter = time.Now().Add(-time.Minute) }
func notYetValid(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }
func forServers(c *x509.Certificate) {
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
}

func (p *paper) sha1() string { return fmt.Sprintf("%x", sha1.Sum(p.Leaf.Raw)) }

// sha256 is the longer thumbprint as openssl prints it.
func (p *paper) sha256() string {
	sum := sha256.Sum256(p.Leaf.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// attach connects with a certificate, without any token, and opens a link.
func attach(ctx context.Context, l line, r route, p *paper, sasl amqp.SASLType, address string) (*amqp.Conn, *amqp.Receiver, error) {
	r.tls = &tls.Config{}
	if p != nil {
		// Unlike Certificates, this sends it whatever CAs the server names.
		r.tls.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &p.Certificate, nil }
	}
	stream, err := l.dialer(r)(ctx)
	if err != nil {
		return nil, nil, err
	}
	conn, err := amqp.NewConn(ctx, stream, &amqp.ConnOptions{HostName: "localhost", SASLType: sasl})
	if err != nil {
		return nil, nil, errors.Join(err, stream.Close())
	}
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	receiver, err := session.NewReceiver(ctx, address, nil)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, receiver, nil
}

const dev1Address = "/devices/dev1/messages/devicebound"

func TestX509Devices(t *testing.T) {
	t.Parallel()
	root := newPaper(t, "Root", nil, isCA)
	between := newPaper(t, "Between", root, isCA)
	stranger := newPaper(t, "Root", nil, isCA) // of the same name
	primary, secondary := newPaper(t, "any name", nil, nil), newPaper(t, "", nil, nil)
	foreign, late, early := newPaper(t, "dev1", nil, nil), newPaper(t, "dev1", nil, expired), newPaper(t, "dev1", nil, notYetValid)
	cas := x509.NewCertPool()
	cas.AddCert(root.Leaf)
	l := overLoopback(t, localhub.Options{
		Gateway:   localhub.GatewayV1, // go-amqp alone does not get along with v2
		ClientCAs: cas,
		Devices: []localhub.Device{
			{ID: "dev1", Thumbprints: []string{primary.sha1(), secondary.sha256(), late.sha1(), early.sha256()}},
			{ID: "dev2", Thumbprints: []string{foreign.sha1()}},
			{ID: "dev3"},
		},
	})
	const unauthorized, notFound = amqp.ErrCondUnauthorizedAccess, amqp.ErrCondNotFound
	for _, test := range []struct {
		name    string
		paper   *paper
		address string
		refused amqp.ErrCond // empty if it must work
		text    string
	}{
		{"SHA-1 thumbprint", primary, dev1Address, "", ""},
		{"SHA-256 thumbprint", secondary, dev1Address, "", ""},
		{"CA", newPaper(t, "dev1", root, nil), dev1Address, "", ""},
		{"intermediate CA", newPaper(t, "dev3", between, nil), "/devices/dev3/messages/devicebound", "", ""},
		{"absolute address", primary, "amqps://localhost" + dev1Address, "", ""},
		{"module", newPaper(t, "dev1/m1", root, nil), "/devices/dev1/modules/m1/messages/devicebound", "", ""},
		{"none", nil, dev1Address, unauthorized, "No token or certificate"},
		{"unknown", newPaper(t, "dev1", nil, nil), dev1Address, unauthorized, "is not that of a registered device"},
		{"of another device, thumbprint", foreign, dev1Address, unauthorized, "is for dev2"},
		{"of another device, CA", newPaper(t, "dev2", root, nil), dev1Address, unauthorized, "is for dev2"},
		{"of the device, for its module", primary, "/devices/dev1/modules/m1/messages/devicebound", unauthorized, "is for dev1"},
		{"of another CA", newPaper(t, "dev1", stranger, nil), dev1Address, unauthorized, "unknown authority"},
		{"for servers", newPaper(t, "dev1", root, forServers), dev1Address, unauthorized, "incompatible key usage"},
		{"expired, thumbprint", late, dev1Address, unauthorized, "is valid from"},
		{"expired, CA", newPaper(t, "dev1", root, expired), dev1Address, unauthorized, "is valid from"},
		{"expired CA", newPaper(t, "dev1", newPaper(t, "Between", root, func(c *x509.Certificate) { isCA(c); expired(c) }), nil), dev1Address, unauthorized, "expired"},
		{"not yet valid", early, dev1Address, unauthorized, "is valid from"},
		{"for a device that is not registered", newPaper(t, "dev9", root, nil), "/devices/dev9/messages/devicebound", notFound, "not registered"},
		{"for the back end", primary, "/messages/serviceBound/feedback", unauthorized, "No token or certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			conn, _, err := attach(t.Context(), l, route{}, test.paper, nil, test.address)
			if conn != nil {
				defer conn.Close()
			}
			checkRefusal(t, err, test.refused, test.text)
		})
	}
}

func checkRefusal(t *testing.T, err error, condition amqp.ErrCond, text string) {
	t.Helper()
	if condition == "" {
		check(t, err)
		return
	}
	var link *amqp.LinkError // of a link that was open
	var got *amqp.Error
	if errors.As(err, &link) {
		got = link.RemoteErr
	} else {
		errors.As(err, &got)
	}
	if got == nil {
		t.Fatalf("error = %v, want a detach", err)
	}
	if got.Condition != condition || !strings.Contains(got.Description, text) {
		t.Errorf("detached with %v, want %s and %q", got, condition, text)
	}
}

// TestX509Routes checks that the certificate counts whatever lies between TLS
// and the link.
func TestX509Routes(t *testing.T) {
	t.Parallel()
	p := newPaper(t, "dev1", nil, nil)
	l := overLoopback(t, localhub.Options{
		Gateway: localhub.GatewayV1,
		Devices: []localhub.Device{{ID: "dev1", Thumbprints: []string{p.sha1()}}},
	})
	for _, test := range []struct {
		name  string
		route route
		sasl  amqp.SASLType
	}{
		{"no SASL", route{}, nil},
		{"EXTERNAL", route{}, amqp.SASLTypeExternal("")},
		{"ANONYMOUS", route{}, amqp.SASLTypeAnonymous()},
		{"WebSocket", route{path: "/$iothub/websocket"}, nil},
		{"WebSocket, EXTERNAL", route{path: "/$iothub/websocket"}, amqp.SASLTypeExternal("")},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn, _, err := attach(t.Context(), l, test.route, p, test.sasl, dev1Address)
			check(t, err)
			_ = conn.Close() // the end of a WebSocket may be an error to go-amqp
		})
	}
}

// TestX509Expiry checks that a link ends with the certificate that it lives by.
func TestX509Expiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPaper(t, "dev1", nil, nil)
		l := overPipes(t, localhub.Options{
			Gateway: localhub.GatewayV1,
			Devices: []localhub.Device{{ID: "dev1", Thumbprints: []string{p.sha256()}}},
		})
		conn, receiver, err := attach(t.Context(), l, route{}, p, nil, dev1Address)
		check(t, err)
		_, err = receiver.Receive(t.Context(), nil)
		checkRefusal(t, err, amqp.ErrCondUnauthorizedAccess, "")
		if now := time.Now(); now.Before(p.Leaf.NotAfter) || now.After(p.Leaf.NotAfter.Add(time.Second)) {
			t.Errorf("the link ended at %v, want %v", now, p.Leaf.NotAfter)
		}
		_ = conn.Close()
	})
}

func TestThumbprintsAreChecked(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "abc", strings.Repeat("g", 40), strings.Repeat("a", 41), strings.Repeat("a", 42)} {
		_, err := localhub.New(&localhub.Options{Devices: []localhub.Device{{ID: "dev1", Thumbprints: []string{text}}}})
		if err == nil || !strings.Contains(err.Error(), `device "dev1"`) {
			t.Errorf("thumbprint %q: error = %v, want one that names dev1", text, err)
		}
	}
}

// TestEndlessCertificates checks that a client cannot make the hub keep any number
// of them.
func TestEndlessCertificates(t *testing.T) {
	t.Parallel()
	ca := newPaper(t, "CA", nil, isCA)
	for n, good := range map[int]bool{10: true, 50: false} {
		p := newPaper(t, "dev1", ca, nil)
		for range n {
			p.Certificate.Certificate = append(p.Certificate.Certificate, ca.Certificate.Certificate...)
		}
		log := logOf(t, func(t *testing.T, c *net.TCPConn) {
			secured := tls.Client(c, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{p.Certificate}})
			if err := secured.HandshakeContext(t.Context()); (err == nil) != good {
				t.Errorf("%d certificates: %v, want good = %v", n, err, good)
			}
		})
		if got := strings.Contains(log, "the limit is 8192"); got == good {
			t.Errorf("%d certificates: log = %q", n, log)
		}
	}
}
