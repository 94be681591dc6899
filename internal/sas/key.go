package sas

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
)

// Key is a shared access key: of a device, a module or a hub's policy. The zero
// Key means that there is none. Compare keys with Equal; == does not compile.
type Key struct {
	_      [0]func()
	secret hidden[[]byte]
}

var (
	errNotBase64 = errors.New("is not valid base64")
	errIsLogText = errors.New("is " + redacted + ": it was copied from a log, which hides it")
)

// ParseKey reads a key as the Azure portal shows it: padded standard base64
// with no white space. The error for anything else, or for an empty key, never
// holds the text.
func ParseKey(text string) (Key, error) {
	key, err := parseKey(text)
	if err != nil {
		return Key{}, errors.New("shared access key " + err.Error())
	}
	return key, nil
}

// parseKey is ParseKey with errors that start with a verb, so that the caller
// can say which key is meant.
func parseKey(text string) (Key, error) {
	if text == "" {
		return Key{}, errors.New("is empty")
	}
	// These eight letters would pass as base64.
	if text == redacted {
		return Key{}, errIsLogText
	}
	b, err := decodeBase64(text)
	if err != nil {
		return Key{}, err
	}
	return NewKey(b), nil
}

// NewKey makes a key of raw bytes, which it copies. No bytes make the zero Key.
func NewKey(b []byte) Key {
	if len(b) == 0 {
		return Key{}
	}
	return Key{secret: hide(bytes.Clone(b))}
}

// IsZero tells whether there is no key.
func (k Key) IsZero() bool { return k.secret.isZero() }

// Len returns the size of the key in bytes.
func (k Key) Len() int { return len(k.secret.get()) }

// Equal compares two keys in constant time.
func (k Key) Equal(other Key) bool { return hmac.Equal(k.secret.get(), other.secret.get()) }

// Base64 returns the key as it stands in a connection string. This is the
// secret itself: do not log it.
func (k Key) Base64() string { return base64.StdEncoding.EncodeToString(k.secret.get()) }

// Sign returns the HMAC-SHA256 of data, the only signature IoT Hub knows.
func (k Key) Sign(data string) []byte {
	mac := hmac.New(sha256.New, k.secret.get())
	mac.Write([]byte(data))
	return mac.Sum(nil)
}

// decodeBase64 takes only the one canonical spelling of the bytes. For a
// signature this means that no changed character goes unnoticed.
func decodeBase64(text string) ([]byte, error) {
	// The standard decoder skips line ends, even when strict.
	if strings.ContainsAny(text, "\r\n") {
		return nil, errNotBase64
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		// The decoder's error only gives an offset, but who knows for how long.
		return nil, errNotBase64
	}
	return b, nil
}
