package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/sas"
)

// certificateFiles are the flags of an X.509 device.
type certificateFiles struct{ cert, key string }

func (c *certificateFiles) addFlags(f *pflag.FlagSet) {
	f.StringVar(&c.cert, "cert", "", "certificate `FILE` (PEM) of an X.509 device, whose connection string has x509=true")
	f.StringVar(&c.key, "key", "", "private key `FILE` (PEM) to go with it")
}

// certificate loads the device's certificate, if that is how it authenticates.
func (r *receiver) certificate(cs sas.ConnectionString) ([]tls.Certificate, error) {
	c := r.files
	switch {
	case c.cert == "" && c.key == "" && !cs.X509:
		return nil, nil
	case !cs.X509:
		return nil, console.Usage(errors.New("--cert and --key do not go with a key in the connection string"), "put x509=true there in place of SharedAccessKey")
	case c.cert == "" || c.key == "":
		return nil, console.Usage(errors.New("a connection string with x509=true needs a certificate"), "name its files with --cert and --key")
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, console.Usage(fmt.Errorf("certificate %s: %w", c.cert, err), "--cert takes the certificate, --key the private key that belongs to it, both as PEM")
	}
	if until := pair.Leaf.NotAfter; time.Now().After(until) {
		return nil, console.Fail(fmt.Errorf("certificate %s expired at %s", c.cert, console.Timestamp(until)), console.ExitAuth, "ask for a new one; the hub would refuse this")
	}
	return []tls.Certificate{pair}, nil
}
