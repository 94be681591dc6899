package access

import (
	"crypto/sha1" //nolint:gosec // IoT Hub's first thumbprints are of this kind
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"iothub-c2d/internal/localhub/broker"
)

// Credential is what a client's certificate is worth.
type Credential struct {
	// Remark is what a refusal says about the certificate, if there is one, as one
	// more sentence.
	Remark string
	// ends is whom it vouches for, and until when.
	ends map[broker.ID]time.Time
}

// Vouches reports whether the certificate is that of a device or module.
func (c Credential) Vouches() bool { return len(c.ends) > 0 }

// Until returns when the permission ends: the zero time if there is none. Unlike
// a token, a certificate is good for one identity only: that of a device is not
// good for its modules, and none is good for the back end.
func (c Credential) Until(n Need) (end time.Time) {
	if n.Permission != DeviceConnect {
		return time.Time{}
	}
	for id, t := range c.ends {
		if id == n.Of && time.Now().Before(t) {
			end = t
		}
	}
	return end
}

// Examine finds out what the certificates are worth that a client has shown: its
// own, then those of its CAs. TLS has made sure that it has the key.
func (c *Control) Examine(shown []*x509.Certificate) Credential {
	if len(shown) == 0 {
		return Credential{}
	}
	own := shown[0]
	if now := time.Now(); now.Before(own.NotBefore) || !now.Before(own.NotAfter) {
		return Credential{Remark: fmt.Sprintf(" The client certificate is valid from %s to %s only.",
			own.NotBefore.Format(time.RFC3339), own.NotAfter.Format(time.RFC3339))}
	}
	ends := make(map[broker.ID]time.Time)
	for _, print := range thumbprints(own) {
		for _, device := range c.thumbprints[print] {
			ends[broker.ID{Device: device}] = own.NotAfter
		}
	}
	end, err := c.checkChain(shown)
	if err == nil {
		id := commonIdentity(own)
		ends[id] = later(ends[id], end)
	}
	return Credential{remark(own, ends, err), ends}
}

// remark words what there is to say of a certificate that is valid today.
func remark(own *x509.Certificate, ends map[broker.ID]time.Time, chainError error) string {
	if len(ends) == 0 {
		return fmt.Sprintf(" The client certificate with the thumbprint %s is not that of a registered device, and: %v.",
			strings.ToUpper(thumbprints(own)[0]), chainError)
	}
	var ids []string
	for id := range ends {
		ids = append(ids, id.String())
	}
	return fmt.Sprintf(" The client certificate is for %s.", strings.Join(ids, ", "))
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

// thumbprints returns the hashes by which a certificate may be registered.
func thumbprints(c *x509.Certificate) []string {
	old, current := sha1.Sum(c.Raw), sha256.Sum256(c.Raw) //nolint:gosec // as above
	return []string{hex.EncodeToString(old[:]), hex.EncodeToString(current[:])}
}

// parseThumbprint reads a thumbprint as the portal and openssl print it: hex
// digits in any case, perhaps with colons or spaces between.
func parseThumbprint(text string) (string, error) {
	plain := strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(text))
	if b, err := hex.DecodeString(plain); err != nil || len(b) != sha1.Size && len(b) != sha256.Size {
		return "", fmt.Errorf("thumbprint %q is not a SHA-1 or SHA-256 hash in hex", text)
	}
	return plain, nil
}
