package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// registry is the devices of a hub, as flags name them.
type registry struct {
	ids         []string
	thumbprints []string
}

func (r *registry) addFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&r.ids, "device", []string{defaults.DeviceID}, "register the device `ID[=KEY]` (repeat)")
	f.StringArrayVar(&r.thumbprints, "thumbprint", nil, "let the device log in with the certificate that has this hash, `ID=SHA1|SHA256` (repeat)")
}

// devices reads the flags.
func (r *registry) devices() (devices []localhub.Device, err error) {
	for _, text := range r.ids {
		d, err := parseDevice(text)
		if err != nil {
			return nil, err
		}
		devices = append(devices, d)
	}
	for _, text := range r.thumbprints {
		// An id may hold = as well, a hash does not.
		end := max(strings.LastIndex(text, "="), 0)
		i := slices.IndexFunc(devices, func(d localhub.Device) bool { return d.ID == text[:end] })
		if i < 0 {
			return nil, console.Usage(errors.New("--thumbprint names no device of this hub"), "write it as ID=HASH, and register the device with --device ID")
		}
		devices[i].Thumbprints = append(devices[i].Thumbprints, text[end+1:])
	}
	return devices, nil
}

// parseDevice reads ID[=KEY]. An id may hold = as well, so the key is what
// follows the first = after which all is base64.
func parseDevice(text string) (localhub.Device, error) {
	d := localhub.Device{ID: text, Key: defaults.Key()}
	found := !strings.Contains(text, "=")
	for i := 0; i < len(text) && !found; i++ {
		if text[i] != '=' {
			continue
		}
		if key, err := sas.ParseKey(text[i+1:]); err == nil {
			d, found = localhub.Device{ID: text[:i], Key: key}, true
		}
	}
	if !found {
		return localhub.Device{}, console.Usage(errors.New("--device: what follows = is not a key"),
			"the key is base64, as in a connection string; an id that has a = itself needs one")
	}
	if err := console.CheckDeviceID(d.ID); err != nil {
		return localhub.Device{}, fmt.Errorf("--device: %w", err)
	}
	return d, nil
}
