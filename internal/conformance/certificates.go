package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"
)

const docX509 = docs + "reference-x509-certificates"

// certificateExperiments are about devices that log in with a certificate.
var certificateExperiments = []experiment{{
	needs: service | registry, try: tryCertificate,
	beliefs: []Belief{
		{Name: "a certificate is registered by its SHA-256 hash", Source: docREST + "service/devices/create-or-update-identity", Local: "200"},
		{Name: "a device is let in by its certificate, without a token", Source: docX509 + "; the Node SDK does so", Local: attached},
		{Name: "a device's certificate is not good for another device", Source: docX509, Local: unauthorized},
		{Name: "a device's certificate is not good for its modules", Source: Inference, Choice: "a certificate is not", Local: unauthorized},
	},
}}

// needsTLS is why a hub without TLS cannot be shown a certificate.
const needsTLS = "it needs TLS"

func tryCertificate(ctx context.Context, t *trial) {
	if t.run.target.plain() {
		t.untried(needsTLS)
	}
	certificate, thumbprint, err := newCertificate(t.subject.id())
	t.check(err)
	a := t.update(ctx, fmt.Sprintf(`,"authentication":{"type":"selfSigned","x509Thumbprint":{"primaryThumbprint":%q,"secondaryThumbprint":%q}}`,
		thumbprint, thumbprint), "If-Match", `"*"`)
	t.saw(a.text())
	t.pause(ctx, t.figures.Silence) // until all of the hub knows
	try := func(path string) {      // a hub may hang up after a refusal
		t.saw(t.connectBy(ctx, t.run.target.amqpAs(certificate)).tryAttach(ctx, receiving(path+"/messages/devicebound")))
	}
	try(t.subject.path())
	try("/devices/" + t.id("another"))
	try(t.modulePath())
}

// newCertificate returns a certificate that has signed itself, and its thumbprint.
func newCertificate(name string) (c tls.Certificate, thumbprint string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, fmt.Sprintf("%X", sha256.Sum256(der)), err
}
