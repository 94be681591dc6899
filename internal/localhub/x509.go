package localhub

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
)

// credential is what a client's certificate is worth.
type credential struct {
	// ends is whom it vouches for, and until when.
	ends map[identity]time.Time
	// remark is what a refusal says about the certificate, if there is one, as
	// one more sentence.
	remark string
}

// until returns when the permission for a path ends: the zero time if there is
// none. Unlike a token, a certificate is good for one identity only: that of a
// device is not good for its modules.
func (c credential) until(path string) (end time.Time) {
	for id, t := range c.ends {
		if id.path() == path && time.Now().Before(t) {
			end = t
		}
	}
	return end
}

// examine finds out what the certificates are worth that a client has shown:
// its own, then those of its CAs. TLS has made sure that it has the key.
func (h *Hub) examine(shown []*x509.Certificate) credential {
	if len(shown) == 0 {
		return credential{}
	}
	own := shown[0]
	c := credential{ends: make(map[identity]time.Time)}
	if now := time.Now(); now.Before(own.NotBefore) || !now.Before(own.NotAfter) {
		c.remark = fmt.Sprintf(" The client certificate is valid from %s to %s only.",
			own.NotBefore.Format(time.RFC3339), own.NotAfter.Format(time.RFC3339))
		return c
	}
	for _, print := range thumbprints(own) {
		for _, device := range h.thumbprints[print] {
			c.ends[identity{device: device}] = own.NotAfter
		}
	}
	end, err := h.checkChain(shown)
	if err == nil {
		id := commonIdentity(own)
		c.ends[id] = later(c.ends[id], end)
	}
	c.describe(own, err)
	return c
}

// describe words the remark on a certificate that is valid today.
func (c *credential) describe(own *x509.Certificate, chainError error) {
	if len(c.ends) == 0 {
		c.remark = fmt.Sprintf(" The client certificate with the thumbprint %s is not that of a registered device, and: %v.",
			strings.ToUpper(thumbprints(own)[0]), chainError)
		return
	}
	var ids []string
	for id := range c.ends {
		ids = append(ids, id.String())
	}
	c.remark = fmt.Sprintf(" The client certificate is for %s.", strings.Join(ids, ", "))
}

// checkChain returns until when the certificates lead to a CA that the hub
// trusts. Nothing is asked about revocation; IoT Hub does not ask either.
// Source: Microsoft docs, authenticate-authorize-x509.
func (h *Hub) checkChain(shown []*x509.Certificate) (end time.Time, err error) {
	if h.options.ClientCAs == nil {
		return time.Time{}, errors.New("the hub trusts no CA of devices")
	}
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	chains, err := shown[0].Verify(x509.VerifyOptions{
		Roots:         h.options.ClientCAs,
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

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// commonIdentity returns whom a CA-signed certificate is for: its common name
// is DeviceId, or DeviceId/ModuleId. Source: Microsoft docs,
// authenticate-authorize-x509.
func commonIdentity(c *x509.Certificate) identity {
	device, module, _ := strings.Cut(c.Subject.CommonName, "/")
	return identity{device, module}
}

// thumbprints returns the hashes by which a certificate may be registered.
func thumbprints(c *x509.Certificate) []string {
	old, current := sha1.Sum(c.Raw), sha256.Sum256(c.Raw) //nolint:gosec // as above
	return []string{hex.EncodeToString(old[:]), hex.EncodeToString(current[:])}
}

// addThumbprints registers the certificates of a device.
func (h *Hub) addThumbprints(d Device) error {
	for _, text := range d.Thumbprints {
		hash, err := parseThumbprint(text)
		if err != nil {
			return err
		}
		h.thumbprints[hash] = append(h.thumbprints[hash], d.ID)
	}
	return nil
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
