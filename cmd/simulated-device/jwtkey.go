package main

import (
	"fmt"
	"os"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub"
)

// readJWTKey reads the public key of a file, if there is a name.
func readJWTKey(file string) (*localhub.BearerKey, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file) //nolint:gosec // the file that the user names
	if err != nil {
		return nil, console.Usage(fmt.Errorf("--jwt-key: %w", err), "")
	}
	key, err := localhub.ParseBearerKey(b)
	if err != nil {
		return nil, console.Usage(fmt.Errorf("--jwt-key: %s: %w", file, err), hintJWTKey)
	}
	return key, nil
}

const hintJWTKey = "make a pair: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem; openssl pkey -in key.pem -pubout -out public.pem"
