package cmd_test

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"time"

	"iothub-c2d/internal/jwttest"
)

// tokenVariable has the tokenOrder for a process of this test that is to print a token.
const tokenVariable = "IOTHUB_TEST_TOKEN"

// tokenOrder says what a token is to be like.
type tokenOrder struct {
	Key       string         // a file
	Algorithm string         // empty: that of the key; HS256: with the public key as the secret
	Claims    map[string]any // in place of the good ones; times count from now, in seconds
}

// printToken prints a token if the environment orders one.
func printToken() (ordered bool) {
	text, ordered := os.LookupEnv(tokenVariable)
	if !ordered {
		return false
	}
	var order tokenOrder
	must(json.Unmarshal([]byte(text), &order))
	fmt.Println(order.token())
	return true
}

func (o tokenOrder) token() string {
	claims := jwttest.Good(time.Hour)
	for name, value := range o.Claims {
		if seconds, ok := value.(float64); ok {
			value = time.Now().Unix() + int64(seconds)
		}
		claims = claims.With(name, value)
	}
	file, err := os.ReadFile(o.Key)
	must(err)
	block, _ := pem.Decode(file)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	must(err)
	public, err := os.ReadFile(o.Key + ".pub")
	must(err)
	algorithm, sign := "ES256", jwttest.None
	switch key := key.(type) {
	case *rsa.PrivateKey:
		algorithm, sign = "RS256", jwttest.RS256(key)
	case *ecdsa.PrivateKey:
		sign = jwttest.ES256(key)
	}
	switch o.Algorithm {
	case "":
		return jwttest.Token(algorithm, claims, sign)
	case "HS256":
		sign = jwttest.HS256(public)
	case "none":
		sign = jwttest.None
	}
	return jwttest.Token(o.Algorithm, claims, sign)
}

// must ends a process that cannot do as it was told.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
