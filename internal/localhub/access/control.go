package access

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/sas"
)

// Device is a registered device, with all that it may log in with.
type Device struct {
	ID  string  // IoT Hub takes 1 to 128 of A-Za-z0-9-:.+%_#*?!(),=@;$', this hub others too
	Key sas.Key // the zero key signs nothing
	// Thumbprints are the hashes, in hex, of the certificates that the device may
	// log in with, SHA-1 or SHA-256. IoT Hub has room for two.
	Thumbprints []string
}

// Options say whom a [Control] lets in.
type Options struct {
	HostNames []string // of the hub, its own first; tokens may also name this machine
	Policies  []Policy
	Devices   []Device
	ClientCAs *x509.CertPool // that may sign the certificates of devices; nil for none
}

// Control knows who may do what on one hub. It never changes, so any goroutine
// may ask.
type Control struct {
	hostNames   []string
	policies    map[string]Policy
	keys        map[string]sas.Key  // of devices, by id
	folded      map[string][]string // ids of devices, by the id in small letters
	thumbprints map[string][]string // ids of devices, by the hash of a certificate
	clientCAs   *x509.CertPool
}

// New returns the control of a hub. It fails if a device is given twice, or with
// an id or a thumbprint that is none.
func New(o Options) (*Control, error) {
	c := &Control{
		hostNames:   o.HostNames,
		policies:    make(map[string]Policy),
		keys:        make(map[string]sas.Key),
		folded:      make(map[string][]string),
		thumbprints: make(map[string][]string),
		clientCAs:   o.ClientCAs,
	}
	for _, p := range o.Policies {
		c.policies[p.Name] = p
	}
	for _, d := range o.Devices {
		if err := c.register(d); err != nil {
			return nil, fmt.Errorf("device %q: %w", d.ID, err)
		}
	}
	return c, nil
}

// register adds a device to those that may log in.
func (c *Control) register(d Device) error {
	if _, twice := c.keys[d.ID]; twice {
		return errors.New("it is registered twice")
	}
	if d.ID == "" || strings.Contains(d.ID, "/modules/") { // a token for the device before it would do
		return errors.New("this is no device id")
	}
	c.keys[d.ID] = d.Key
	folded := strings.ToLower(d.ID)
	c.folded[folded] = append(c.folded[folded], d.ID)
	for _, text := range d.Thumbprints {
		hash, err := parseThumbprint(text)
		if err != nil {
			return err
		}
		c.thumbprints[hash] = append(c.thumbprints[hash], d.ID)
	}
	return nil
}

// isHost reports whether a token's host names this hub: one of its own names, or
// any name of this machine's own interface, since clients reach it by all of them.
func (c *Control) isHost(host string) bool {
	return slices.ContainsFunc(c.hostNames, func(name string) bool { return strings.EqualFold(host, name) }) || sas.IsLoopback(host)
}

func unauthorized(format string, args ...any) *broker.Refusal {
	return broker.Refuse(broker.Unauthorized, format, args...)
}
