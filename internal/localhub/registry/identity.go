package registry

import (
	"crypto/sha1" //nolint:gosec // IoT Hub's first thumbprints are of this kind
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/sas"
)

// Identity is what the registry says of a device or module.
type Identity struct {
	ID             broker.ID
	Generation     string    // tells it from an earlier one of the same id
	ETag           string    // changes with everything else
	Disabled       bool      // of a device: neither it nor its modules may log in
	StatusReason   string    // why
	StatusUpdated  time.Time // when that changed; zero: never
	Authentication Authentication
	Edge           bool   // of a device: its capability iotEdge; the hub does nothing about it
	ManagedBy      string // of a module, likewise

	// Revision goes up when this identity may log in with something else than
	// before, or is another one of the same id. It is for this process only.
	Revision uint64
}

// AuthenticationType is what a device or module may log in with.
type AuthenticationType string

// The types of authentication. Source: Microsoft docs, iot-hub-devguide-identity-registry.
const (
	SAS        AuthenticationType = "sas"                  // tokens signed with one of two keys
	SelfSigned AuthenticationType = "selfSigned"           // certificates with one of two thumbprints
	Authority  AuthenticationType = "certificateAuthority" // certificates of a CA that the hub trusts
	None       AuthenticationType = "none"                 // nothing
	// Any is all of it, whatever there is. It is for the devices that a hub is
	// started with; IoT Hub has no such type.
	Any AuthenticationType = "any"
)

// Authentication is what an identity may log in with. Keys count for [SAS],
// thumbprints for [SelfSigned].
type Authentication struct {
	Type        AuthenticationType
	Keys        [2]sas.Key // primary, secondary; the zero key signs nothing
	Thumbprints []string   // hashes of certificates, in hex of any case: SHA-1 or SHA-256
}

// SigningKeys returns the keys whose tokens are good.
func (a *Authentication) SigningKeys() (keys []sas.Key) {
	if a.Type != SAS && a.Type != Any {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(a.Keys[:]), sas.Key.IsZero)
}

// Accepts reports whether a certificate with this thumbprint is good.
func (a *Authentication) Accepts(thumbprint string) bool {
	return (a.Type == SelfSigned || a.Type == Any) && slices.ContainsFunc(a.Thumbprints, func(t string) bool {
		return strings.EqualFold(t, thumbprint)
	})
}

// TrustsAuthority reports whether a CA's certificate for the identity's id is good.
func (a *Authentication) TrustsAuthority() bool { return a.Type == Authority || a.Type == Any }

func (a *Authentication) equal(b *Authentication) bool {
	return a.Type == b.Type && slices.Equal(a.Thumbprints, b.Thumbprints) &&
		a.Keys[0].Equal(b.Keys[0]) && a.Keys[1].Equal(b.Keys[1])
}

// Thumbprints returns the hashes by which a certificate may be registered.
func Thumbprints(certificate []byte) []string {
	old, current := sha1.Sum(certificate), sha256.Sum256(certificate) //nolint:gosec // as above
	return []string{hex.EncodeToString(old[:]), hex.EncodeToString(current[:])}
}

// parseThumbprint reads a thumbprint as the portal and openssl print it: hex
// digits in any case, perhaps with colons or spaces between. The case stays.
func parseThumbprint(text string) (string, error) {
	plain := strings.NewReplacer(":", "", " ", "").Replace(text)
	if b, err := hex.DecodeString(plain); err != nil || len(b) != sha1.Size && len(b) != sha256.Size {
		return "", fmt.Errorf("thumbprint %q is not a SHA-1 or SHA-256 hash in hex", text)
	}
	return plain, nil
}
