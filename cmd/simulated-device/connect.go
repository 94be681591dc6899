package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// target returns the device's connection string, and the local hub if it is served
// by this process.
func (f *deviceFlags) target(ctx context.Context, c *console.Console, s *console.Settings) (sas.ConnectionString, *ownHub, error) {
	text := s.ConnectionString()
	if text == "" {
		return f.localTarget(ctx, c, s)
	}
	cs, err := sas.ParseDevice(text)
	switch {
	case errors.Is(err, sas.ErrServiceString):
		return cs, nil, console.Usage(err, "this is what send-c2d needs; a device's own string has DeviceId=")
	case err != nil:
		return cs, nil, console.Usage(err, cmp.Or(sas.LikelyMistake(text), "it looks like HostName=...;DeviceId=...;SharedAccessKey=..."))
	case f.deviceID != "" && f.deviceID != cs.DeviceID:
		return cs, nil, console.Usage(fmt.Errorf("--device-id is %s, the connection string is for device %s", f.deviceID, cs.DeviceID),
			"to be another device of a local hub, use --local=HOST:PORT --device-id "+f.deviceID)
	}
	return cs, nil, nil
}

// localTarget returns the connection string of a device of the local hub. If no
// hub listens at its address, it starts one.
func (f *deviceFlags) localTarget(ctx context.Context, c *console.Console, s *console.Settings) (sas.ConnectionString, *ownHub, error) {
	id := cmp.Or(f.deviceID, s.Get(console.EnvDeviceID), defaults.DeviceID)
	if err := console.CheckDeviceID(id); err != nil {
		return sas.ConnectionString{}, nil, err
	}
	address, hub, err := localHub(ctx, c, s, console.EnvDevice, id)
	return defaults.DeviceString(address, id, defaults.Key()), hub, err
}

// localHub returns the address of the local hub. If none listens there, it starts one
// with the devices. It says so if only the lack of a variable means the local hub.
func localHub(ctx context.Context, c *console.Console, s *console.Settings, variable string, ids ...string) (string, *ownHub, error) {
	address, asked, err := s.LocalAddress()
	if err != nil {
		return "", nil, err
	}
	hub, err := startHub(ctx, c, address, publicDevices(ids))
	if err != nil {
		return "", nil, err
	}
	if hub != nil {
		address = hub.listener.Addr().String() // the port may have been 0
	}
	if !asked {
		c.Note("No %s is set: using the local hub at %s.", variable, address)
	}
	if hub != nil {
		notePage(c, pageURL(hub.listener))
	}
	return address, hub, nil
}

// publicDevices returns devices with the key that all local hubs have.
func publicDevices(ids []string) []localhub.Device {
	devices := make([]localhub.Device, len(ids))
	for i, id := range ids {
		devices[i] = localhub.Device{ID: id, Key: defaults.Key()}
	}
	return devices
}

// connect opens the connection to the hub of the device that r receives for.
func (f *deviceFlags) connect(ctx context.Context, c *console.Console, s *console.Settings, cs sas.ConnectionString, r *receiver) (*iothub.Device, error) {
	options, err := c.ClientOptions(s, cs)
	if err != nil {
		return nil, err
	}
	if options.TLS.Certificates, err = f.files.load(cs); err != nil {
		return nil, err
	}
	options.Prefetch = cmp.Or(int(f.prefetch), r.settle.prefetch())
	r.idle.follow(options)
	options.Logger.Info("connecting", "hub", cs.HostName, "device", cs.DeviceID)
	phase := c.Connecting(cs.HostName, options.Progress)
	defer phase.End()
	device, err := iothub.DialDevice(ctx, cs, options)
	if err != nil {
		return nil, err
	}
	c.Connected(s, cs)
	return device, nil
}

// disconnect closes the connection of a device, or those of a fleet.
func disconnect(c *console.Console, device source) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := device.Close(ctx); err != nil && c.Verbose {
		c.Say("disconnect: %v", err)
	}
}

// certificateFiles are the flags of an X.509 device.
type certificateFiles struct{ cert, key string }

func (c *certificateFiles) add(f *pflag.FlagSet) {
	f.StringVar(&c.cert, "cert", "", "certificate `FILE` (PEM) of an X.509 device, whose connection string has x509=true")
	f.StringVar(&c.key, "key", "", "private key `FILE` (PEM) to go with it")
}

// load reads the certificate of a device with x509=true in its connection string.
func (c certificateFiles) load(cs sas.ConnectionString) ([]tls.Certificate, error) {
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
