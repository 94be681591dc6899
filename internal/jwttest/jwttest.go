// Package jwttest makes JSON Web Tokens (RFC 7519) for tests: good ones, and forged
// ones. It shares no code with what reads them.
package jwttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"time"
)

// Claims are what a token says.
type Claims map[string]any

// Good are the claims of a token of Microsoft Entra ID that a local hub takes, for
// the life.
func Good(life time.Duration) Claims {
	now := time.Now()
	return Claims{
		"aud": "https://iothubs.azure.net", "iss": "https://sts.windows.net/tenant/", "oid": "principal",
		"roles": []string{"IoT Hub Data Contributor"},
		"iat":   now.Unix(), "nbf": now.Unix(), "exp": now.Add(life).Unix(),
	}
}

// With returns the claims with one changed, or without it if value is nil.
func (c Claims) With(name string, value any) Claims {
	c = maps.Clone(c)
	c[name] = value
	if value == nil {
		delete(c, name)
	}
	return c
}

// Sign signs the first two parts of a token.
type Sign func(text []byte) []byte

// Token makes a token whose header names the algorithm, whoever signs it.
func Token(algorithm string, claims Claims, sign Sign) string {
	text := encode(map[string]string{"alg": algorithm, "typ": "JWT"}) + "." + encode(claims)
	return text + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(text)))
}

func encode(v any) string {
	b, err := json.Marshal(v)
	must(err)
	return base64.RawURLEncoding.EncodeToString(b)
}

// None signs nothing (RFC 7518 §3.6).
func None([]byte) []byte { return nil }

// HS256 signs with a shared secret (RFC 7518 §3.2).
func HS256(secret []byte) Sign {
	return func(text []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(text)
		return mac.Sum(nil)
	}
}

// NewRSA returns a key for RS256, which has the bits.
func NewRSA(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	must(err)
	return key
}

// RS256 signs with a private key (RFC 7518 §3.3).
func RS256(key *rsa.PrivateKey) Sign {
	return func(text []byte) []byte {
		hash := sha256.Sum256(text)
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, hash[:])
		must(err)
		return signature
	}
}

// NewEC returns a key for ES256.
func NewEC() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	return key
}

// ES256 signs with a private key: both numbers of the signature in 32 bytes each
// (RFC 7518 §3.4).
func ES256(key *ecdsa.PrivateKey) Sign {
	return func(text []byte) []byte {
		hash := sha256.Sum256(text)
		r, s, err := ecdsa.Sign(rand.Reader, key, hash[:])
		must(err)
		half := func(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }
		return append(half(r), half(s)...)
	}
}

// PublicPEM returns the public half of a key as a file has it.
func PublicPEM(key crypto.Signer) []byte {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	must(err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// must ends a test that cannot be set up.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
