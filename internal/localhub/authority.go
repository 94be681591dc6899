package localhub

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"time"
)

// How long the hub's certificates are valid. They begin in the past for
// clients whose clock is late, and end before the 398 days that some accept.
const (
	certificateBackdate = time.Hour
	certificateLifetime = 397 * 24 * time.Hour
)

// authority is the hub's own certificate authority. It lives as long as the
// hub does: its key is never stored.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// pem returns the certificate that clients must trust, in PEM form.
func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificateTemplate()
	// The name differs from hub to hub, as trust stores look CAs up by name.
	template.Subject.CommonName = "Local IoT Hub CA " + rand.Text()[:8]
	template.IsCA = true
	template.MaxPathLenZero = true // it signs the server certificate only
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{certificate, key}, nil
}

func certificateTemplate() *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{"Local IoT Hub, for development only"}},
		NotBefore:             now.Add(-certificateBackdate),
		NotAfter:              now.Add(certificateLifetime),
		BasicConstraintsValid: true,
	}
}

// issue makes the certificate of a server that is reached by the given names
// and by those of this machine's own interface. The first is its common name.
func (a *authority) issue(names []string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := certificateTemplate()
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.DNSNames = []string{"localhost"}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	for _, name := range names {
		addName(template, name)
	}
	setCommonName(template, names[0])
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	// Sending the CA along lets people see, and save, what they have to trust.
	return tls.Certificate{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: key}, nil
}

// addName adds a host name, or an address, to what the certificate is for.
func addName(template *x509.Certificate, name string) {
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = append(template.IPAddresses, ip)
		return
	}
	if name != "localhost" {
		template.DNSNames = append(template.DNSNames, name)
	}
}

// setCommonName names the certificate for people: only the other names count.
func setCommonName(template *x509.Certificate, name string) {
	const longest = 64 // RFC 5280 appendix A.1
	if net.ParseIP(name) == nil && len(name) <= longest {
		template.Subject.CommonName = name
	}
}

// tlsConfig returns the server's side of TLS. A client certificate is asked for
// but may be missing, and anything goes: what it is worth is for the links to
// decide, as on IoT Hub.
func (a *authority) tlsConfig(names []string) (*tls.Config, error) {
	certificate, err := a.issue(names)
	if err != nil {
		return nil, fmt.Errorf("certificate for %q: %w", names, err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   tls.RequestClientCert,
		MinVersion:   tls.VersionTLS12,
		VerifyConnection: func(c tls.ConnectionState) error {
			n := 0
			for _, shown := range c.PeerCertificates {
				n += len(shown.Raw)
			}
			if n > maxClientCertificates {
				return fmt.Errorf("the client's certificates have %d bytes, the limit is %d", n, maxClientCertificates)
			}
			return nil
		},
	}, nil
}

// maxClientCertificates is how long the certificates that a client shows may be, in
// bytes: the hub keeps them as long as the connection lasts. One with its CAs has
// about 5000 if the keys are RSA's, and 2000 if they are not.
const maxClientCertificates = 8 << 10
