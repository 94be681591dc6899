package registry

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/sas"
)

// What an identity may hold. Source: Microsoft docs,
// iot-hub-devguide-identity-registry; the sizes of keys are those that Azure's
// services name when they refuse one.
const (
	maxReason      = 128 // characters of statusReason and managedBy
	minKey, maxKey = 16, 64
	maxThumbprints = 2
)

// check returns why a back end's identity is not taken, nil if it is.
func check(i Identity) *broker.Refusal {
	a := i.Authentication
	switch {
	case !broker.IsID(i.ID.Device):
		return broker.Refuse(broker.BadArgument, "The device id '%s' is longer than %d characters or has illegal ones.", i.ID.Device, broker.MaxID)
	case i.ID.Module != "" && !broker.IsID(i.ID.Module):
		return broker.Refuse(broker.BadArgument, "The module id '%s' is longer than %d characters or has illegal ones.", i.ID.Module, broker.MaxID)
	case utf8.RuneCountInString(i.StatusReason) > maxReason, utf8.RuneCountInString(i.ManagedBy) > maxReason:
		return broker.Refuse(broker.BadArgument, "The status reason or managedBy is longer than %d characters.", maxReason)
	}
	switch a.Type {
	case SAS:
		return checkKeys(a.Keys)
	case SelfSigned:
		return checkThumbprints(a.Thumbprints)
	case Authority, None, "":
		return nil
	}
	return broker.Refuse(broker.BadArgument, "The authentication type '%s' is none of sas, selfSigned, certificateAuthority, none.", a.Type)
}

func checkKeys(keys [2]sas.Key) *broker.Refusal {
	for _, k := range keys {
		if n := k.Len(); !k.IsZero() && (n < minKey || n > maxKey) {
			return broker.Refuse(broker.BadArgument, "A symmetric key has %d bytes; it needs %d to %d.", n, minKey, maxKey)
		}
	}
	return nil
}

func checkThumbprints(thumbprints []string) *broker.Refusal {
	if n := len(thumbprints); n == 0 || n > maxThumbprints {
		return broker.Refuse(broker.BadArgument, "Self-signed authentication needs one or two thumbprints.")
	}
	for _, t := range thumbprints {
		if _, err := parseThumbprint(t); err != nil {
			return broker.Refuse(broker.BadArgument, "The %v.", err)
		}
	}
	return nil
}

// Device is a device that a hub is started with, and all that it may log in with.
type Device struct {
	ID  string  // IoT Hub takes 1 to 128 of A-Za-z0-9-:.+%_#*?!(),=@;$', this hub others too
	Key sas.Key // the zero key signs nothing
	// SecondaryKey is as good as the other.
	SecondaryKey sas.Key
	// Thumbprints are the hashes, in hex, of the certificates that the device may
	// log in with, SHA-1 or SHA-256. IoT Hub has room for two.
	Thumbprints []string
}

// Check returns what is wrong with the devices that a hub is to be started with.
func Check(devices []Device) error {
	_, err := identitiesOf(devices)
	return err
}

func identitiesOf(devices []Device) (list []Identity, err error) {
	seen := make(map[string]bool)
	for _, d := range devices {
		i, err := d.identity()
		if err == nil && seen[d.ID] {
			err = errors.New("it is registered twice")
		}
		if err != nil {
			return nil, fmt.Errorf("device %q: %w", d.ID, err)
		}
		seen[d.ID] = true
		list = append(list, i)
	}
	return list, nil
}

func (d Device) identity() (Identity, error) {
	if d.ID == "" || strings.Contains(d.ID, "/modules/") { // a token for the device before it would do
		return Identity{}, errors.New("this is no device id")
	}
	a := Authentication{Type: Any, Keys: [2]sas.Key{d.Key, d.SecondaryKey}}
	for _, text := range d.Thumbprints {
		hash, err := parseThumbprint(text)
		if err != nil {
			return Identity{}, err
		}
		a.Thumbprints = append(a.Thumbprints, hash)
	}
	return Identity{ID: broker.ID{Device: d.ID}, Authentication: a}, nil
}
