package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// BearerKey is the public key for the signatures of bearer tokens. Its type alone
// says by which algorithm they are signed: to believe the token in that lets
// strangers take the public key for a shared secret, or sign with nothing (RFC 8725
// §3.1).
type BearerKey struct {
	public any
	method jwt.SigningMethod
}

// minRSA is how many bits a key for RS256 has at least (RFC 7518 §3.3).
const minRSA = 2048

// ParseBearerKey reads a public key in PEM form. Microsoft Entra ID signs with RSA;
// a key of the curve P-256 is handier for tests.
func ParseBearerKey(text []byte) (*BearerKey, error) {
	block, _ := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("it holds nothing in PEM form")
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, errors.New("it holds a private key, not the public one")
	case block.Type != "PUBLIC KEY":
		return nil, fmt.Errorf("it holds a %s, not a PUBLIC KEY", strings.ToValidUTF8(block.Type, ""))
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	switch key := public.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSA {
			return nil, fmt.Errorf("its RSA key has %d bits, less than %d", bits, minRSA)
		}
		return &BearerKey{key, jwt.SigningMethodRS256}, nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return &BearerKey{key, jwt.SigningMethodES256}, nil
		}
	}
	return nil, errors.New("its key is neither RSA nor of the curve P-256")
}
