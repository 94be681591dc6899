//go:build linux

package cmd_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"iothub-c2d/internal/jwttest"
)

// cmdJWTKey makes a pair of keys: the private one in the file, the public one in
// FILE.pub.
func cmdJWTKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: jwtkey FILE RSA|EC")
	}
	file := ts.MkAbs(args[0])
	var private []byte
	var err error
	switch args[1] {
	case "RSA":
		key := jwttest.NewRSA(2048)
		ts.Check(os.WriteFile(file+".pub", jwttest.PublicPEM(key), 0o600))
		private, err = x509.MarshalPKCS8PrivateKey(key)
	default:
		key := jwttest.NewEC()
		ts.Check(os.WriteFile(file+".pub", jwttest.PublicPEM(key), 0o600))
		private, err = x509.MarshalPKCS8PrivateKey(key)
	}
	ts.Check(err)
	ts.Check(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

// cmdJWT writes a program that prints a new token each time.
func cmdJWT(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: jwt PROGRAM KEY [alg=NAME] [CLAIM=JSON...]")
	}
	order := tokenOrder{Key: ts.MkAbs(args[1]), Claims: make(map[string]any)}
	for _, arg := range args[2:] {
		name, text, _ := strings.Cut(arg, "=")
		if name == "alg" {
			order.Algorithm = text
			continue
		}
		var value any
		ts.Check(json.Unmarshal([]byte(text), &value))
		order.Claims[name] = value
	}
	text, err := json.Marshal(order)
	ts.Check(err)
	self, err := filepath.Abs(os.Args[0])
	ts.Check(err)
	program := fmt.Sprintf("#!/bin/sh\n%s='%s' exec '%s'\n", tokenVariable, text, self)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(program), 0o700))
}
