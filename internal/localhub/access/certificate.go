package access

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/registry"
)

// Credential is what a client's certificate is worth. The zero value is that of no
// certificate.
type Credential struct {
	registry    *registry.Registry
	own         *x509.Certificate // nil: there is none
	invalid     string            // why it counts for nothing today; empty: it may count
	thumbprints []string
	chainEnd    time.Time // of the way to a CA
	chainError  error     // why there is none
}

// Examine finds out what the certificates are worth that a client has shown: its
// own, then those of its CAs. TLS has made sure that it has the key.
func (c *Control) Examine(shown []*x509.Certificate) Credential {
	if len(shown) == 0 {
		return Credential{}
	}
	own := shown[0]
	credential := Credential{registry: c.registry, own: own, thumbprints: registry.Thumbprints(own.Raw)}
	if now := time.Now(); now.Before(own.NotBefore) || !now.Before(own.NotAfter) {
		credential.invalid = fmt.Sprintf(" The client certificate is valid from %s to %s only.",
			own.NotBefore.Format(time.RFC3339), own.NotAfter.Format(time.RFC3339))
	}
	credential.chainEnd, credential.chainError = c.checkChain(shown)
	return credential
}

// Until returns when the permission ends: the zero time if there is none. Unlike
// a token, a certificate is good for one identity only: that of a device is not
// good for its modules, and none is good for the back end.
func (c Credential) Until(n Need) time.Time {
	if n.Permission != DeviceConnect || c.own == nil || c.invalid != "" {
		return time.Time{}
	}
	end := c.end(n.Of)
	refused := c.registry.Refuse(n.Of)
	if !time.Now().Before(end) || refused != nil && refused.Code != broker.DeviceNotFound {
		return time.Time{}
	}
	return end
}

// end returns until when the certificate vouches for id. That there is no such
// device is for the broker to say.
func (c Credential) end(id broker.ID) (end time.Time) {
	bearer, known := c.registry.Bearer(id)
	if known && bearer.ID == id && slices.ContainsFunc(c.thumbprints, bearer.Authentication.Accepts) {
		end = c.own.NotAfter
	}
	if c.chainError == nil && commonIdentity(c.own) == id && (!known || bearer.Authentication.TrustsAuthority()) {
		end = later(end, c.chainEnd)
	}
	return end
}

// Remark returns what a refusal says about the certificate, as one more sentence:
// nothing if there is no certificate.
func (c Credential) Remark() string {
	if c.own == nil || c.invalid != "" {
		return c.invalid
	}
	ids := c.bearers()
	if len(ids) == 0 {
		return fmt.Sprintf(" The client certificate with the thumbprint %s is not that of a registered device, and: %v.",
			strings.ToUpper(c.thumbprints[0]), c.chainError)
	}
	var texts []string
	for _, id := range ids {
		texts = append(texts, c.describe(id))
	}
	return fmt.Sprintf(" The client certificate is for %s.", strings.Join(texts, ", "))
}

// bearers returns whom the certificate may be of.
func (c Credential) bearers() (ids []broker.ID) {
	for _, print := range c.thumbprints {
		ids = append(ids, c.registry.WithThumbprint(print)...)
	}
	if id := commonIdentity(c.own); c.chainError == nil && !slices.Contains(ids, id) {
		ids = append(ids, id)
	}
	return ids
}

// describe names whom the certificate is for, and what keeps it from counting.
func (c Credential) describe(id broker.ID) string {
	refused := c.registry.Refuse(id)
	switch {
	case refused != nil && refused.Code == broker.Unauthorized:
		return id.String() + ", which is disabled"
	case refused == nil && c.end(id).IsZero():
		return id.String() + ", which logs in with something else"
	}
	return id.String()
}

// checkChain returns until when the certificates lead to a CA that the hub
// trusts. Nothing is asked about revocation; IoT Hub does not ask either.
// Source: Microsoft docs, authenticate-authorize-x509.
func (c *Control) checkChain(shown []*x509.Certificate) (end time.Time, err error) {
	if c.clientCAs == nil {
		return time.Time{}, errors.New("the hub trusts no CA of devices")
	}
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	chains, err := shown[0].Verify(x509.VerifyOptions{
		Roots:         c.clientCAs,
		Intermediates: between,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return time.Time{}, err
	}
	for _, chain := range chains {
		end = later(end, chainEnd(chain))
	}
	return end, nil
}

// chainEnd returns when the first certificate of a chain expires.
func chainEnd(chain []*x509.Certificate) time.Time {
	return slices.MinFunc(chain, func(a, b *x509.Certificate) int {
		return a.NotAfter.Compare(b.NotAfter)
	}).NotAfter
}

// commonIdentity returns whom a CA-signed certificate is for: its common name
// is DeviceId, or DeviceId/ModuleId. Source: Microsoft docs,
// authenticate-authorize-x509.
func commonIdentity(c *x509.Certificate) broker.ID {
	device, module, _ := strings.Cut(c.Subject.CommonName, "/")
	return broker.ID{Device: device, Module: module}
}
