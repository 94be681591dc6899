package access

import (
	"crypto/x509"
	"slices"
	"strings"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/registry"
	"iothub-c2d/internal/sas"
)

// Options say whom a [Control] lets in.
type Options struct {
	HostNames []string // of the hub, its own first; tokens may also name this machine
	Policies  []Policy
	Registry  *registry.Registry // of the devices, which may log in with what it says
	ClientCAs *x509.CertPool     // that may sign the certificates of devices; nil for none
	BearerKey *BearerKey         // that signs the tokens of Microsoft Entra ID; nil: there are none
}

// Control knows who may do what on one hub. Any goroutine may ask.
type Control struct {
	hostNames []string
	policies  map[string]Policy
	registry  *registry.Registry
	clientCAs *x509.CertPool
	bearerKey *BearerKey
}

// New returns the control of a hub.
func New(o Options) *Control {
	c := &Control{
		hostNames: o.HostNames,
		policies:  make(map[string]Policy),
		registry:  o.Registry,
		clientCAs: o.ClientCAs,
		bearerKey: o.BearerKey,
	}
	for _, p := range o.Policies {
		c.policies[p.Name] = p
	}
	return c
}

// isHost reports whether a token's host names this hub: one of its own names, or
// any name of this machine's own interface, since clients reach it by all of them.
func (c *Control) isHost(host string) bool {
	return slices.ContainsFunc(c.hostNames, func(name string) bool { return strings.EqualFold(host, name) }) || sas.IsLoopback(host)
}

func unauthorized(format string, args ...any) *broker.Refusal {
	return broker.Refuse(broker.Unauthorized, format, args...)
}
