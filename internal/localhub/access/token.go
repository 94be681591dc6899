package access

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"iothub-c2d/internal/localhub/address"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/registry"
	"iothub-c2d/internal/sas"
)

// clockSkew is how far the clock of a token's maker may be behind. Source: the
// C# SDK's MaxClockSkew, and Microsoft's troubleshooting page on error 401003.
const clockSkew = 5 * time.Minute

// maxToken is how long a token may be, in bytes. With the longest ids, escaped
// twice, it has about 1700.
const maxToken = 4 << 10

// Verify turns the text of a token into a grant, or says why it will not. claimed
// is whom the client says it is, zero if it does not say: the token of a device may
// name the hub alone, and then nothing else tells whose it is.
func (c *Control) Verify(text string, claimed broker.ID) (g Grant, refused *broker.Refusal) {
	if len(text) > maxToken {
		return Grant{}, unauthorized("The token is longer than %d bytes.", maxToken)
	}
	token, err := sas.ParseToken(text)
	if err != nil {
		return Grant{}, unauthorized("The token is malformed: %v.", err)
	}
	scopes := token.Scopes()
	host := scopes[1].Host // decoded once, as most SDKs encode it
	if !c.isHost(host) {
		return Grant{}, unauthorized("The token is for host %q, this is %q.", host, c.hostNames[0])
	}
	scopes = slices.DeleteFunc(scopes, func(s sas.Scope) bool { return s.Host != host })
	if token.Policy() != "" {
		g, refused = c.byPolicy(token, scopes)
	} else {
		g, refused = c.byDevice(token, scopes, claimed)
	}
	g.device = deviceOf(g.scopes)
	g.Resource, g.End = token.Resource(), token.Expiry().Add(clockSkew)
	switch {
	case refused != nil:
		return Grant{}, refused
	case !time.Now().Before(g.End):
		return Grant{}, unauthorized("The token for %q expired at %s.", g.Resource, token.Expiry().Format(time.RFC3339))
	}
	return g, nil
}

// byPolicy returns the grant of a token that names its policy. It is not complete
// yet, as is that of byDevice.
func (c *Control) byPolicy(token sas.Token, scopes []sas.Scope) (Grant, *broker.Refusal) {
	policy, ok := c.policies[token.Policy()]
	switch {
	case !ok:
		return Grant{}, unauthorized("There is no shared access policy %q.", token.Policy())
	case !token.VerifiedBy(policy.Key):
		return Grant{}, wrongKey(token)
	}
	return Grant{Policy: policy.Name, scopes: scopes, permissions: policy.Permissions, registry: c.registry}, nil
}

// byDevice returns the grant of a token that a device, or one of its modules, has
// signed itself.
func (c *Control) byDevice(token sas.Token, scopes []sas.Scope, claimed broker.ID) (Grant, *broker.Refusal) {
	readings := readings(scopes, claimed)
	if len(readings) == 0 {
		return Grant{}, unauthorized("The token for %q names neither a policy nor a device.", token.Resource())
	}
	refused := broker.NoDevice(readings[0].id.Device, c.hostNames[0])
	for _, r := range readings {
		for _, device := range c.alike(r.id.Device, claimed.Device) {
			for _, bearer := range c.registry.Bearers(broker.ID{Device: device, Module: r.id.Module}) {
				if token.VerifiedBy(bearer.Authentication.SigningKeys()...) {
					return c.own(r, device, bearer), c.registry.Refuse(bearer.ID)
				}
				refused = wrongKey(token)
			}
		}
	}
	return Grant{}, refused
}

// own returns the grant of a device's or module's own token, read in a certain way
// and signed by the bearer's key.
func (c *Control) own(r reading, device string, bearer registry.Identity) Grant {
	owner := broker.ID{Device: device, Module: r.id.Module}
	if bearer.ID.Module != "" {
		owner = bearer.ID
	}
	return Grant{
		owner: owner, scopes: []sas.Scope{r.scope}, permissions: DeviceConnect,
		registry: c.registry, bearer: bearer.ID, revision: bearer.Revision,
	}
}

func wrongKey(token sas.Token) *broker.Refusal {
	return unauthorized("The token for %q is signed with another key.", token.Resource())
}

// alike returns the registered devices whose ids differ from the given one in case
// only, the likeliest first: the one that the client claims to be, then the one as
// written. IoT Hub has ids that differ only in case, but no token need spell them
// so: the key decides.
func (c *Control) alike(device, claimed string) []string {
	devices := c.registry.Alike(device)
	rank := func(d string) int {
		switch d {
		case claimed:
			return 0
		case device:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(devices, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	return devices
}

// reading is one way to read the resource of a device's own token: whose it is,
// and what it is good for.
type reading struct {
	id    broker.ID
	scope sas.Scope
}

// readings returns how the scopes of a device's own token can be read. They may
// name the device, something below it, or all of the hub; in that case it is whom
// the client claims to be.
func readings(scopes []sas.Scope, claimed broker.ID) (list []reading) {
	for _, s := range scopes {
		if id, rest, ok := identity(s); ok {
			list = append(list, reading{id, ownScope(id, rest)})
		}
	}
	if len(list) > 0 || claimed == (broker.ID{}) {
		return list
	}
	for _, s := range scopes {
		if s.Covers(claimed.Path()) {
			return []reading{{claimed, sas.Scope{Path: claimed.Path()}}}
		}
	}
	return nil
}

// identity takes the scope of a device or module to pieces.
func identity(s sas.Scope) (id broker.ID, rest address.Path, ok bool) {
	return address.Path(strings.Split(s.Path, "/")[1:]).Identity() // it is decoded already
}

// deviceOf returns the device that all scopes are about, in small letters; empty if
// there is none.
func deviceOf(scopes []sas.Scope) (device string) {
	for _, s := range scopes {
		id, _, ok := identity(s)
		name := strings.ToLower(id.Device)
		if !ok || device != "" && name != device {
			return ""
		}
		device = name
	}
	return device
}

// ownScope returns what a device's own token is good for that names the device and
// a path below it: that path if there is an endpoint, else all of the device. What
// Microsoft's document on MQTT prints ends in /api-version=2016-11-14.
func ownScope(id broker.ID, rest address.Path) sas.Scope {
	whole := id.Path()
	named := sas.Scope{Path: whole + "/" + strings.Join(rest, "/")}
	for _, endpoint := range []string{address.DeviceBound, address.Events, address.Twin, address.Methods, "/modules"} {
		if len(rest) > 0 && named.Covers(whole+endpoint) {
			return named
		}
	}
	return sas.Scope{Path: whole}
}

// Identity returns whom a resource is about, such as the name of a put-token
// request: zero if it is about no device. It is read like that of a token.
func (c *Control) Identity(resource string) (id broker.ID) {
	if _, after, ok := strings.Cut(resource, "://"); ok {
		resource = after
	}
	for _, s := range sas.Scopes(resource) {
		meant, _, ok := identity(s)
		if !ok {
			continue
		}
		id = meant
		if _, registered := c.registry.Bearer(id); registered {
			break
		}
	}
	return id
}

// Login verifies the token of a user of SASL PLAIN, which is {policy}@sas.root.{hub}
// or {device}@sas.{hub}. The hub in the user's name is not looked at, since the
// token names it too. Source: Microsoft docs, iot-hub-amqp-support.
func (c *Control) Login(user, text string) (Grant, *broker.Refusal) {
	const at = "@sas."
	i := max(strings.LastIndex(user, at), 0) // an id may hold it as well
	name, policy := user[:i], strings.HasPrefix(user[i:], at+"root.")
	var claimed broker.ID
	if !policy {
		claimed.Device = name
	}
	g, refused := c.Verify(text, claimed)
	switch {
	case refused != nil:
		return Grant{}, refused
	case name == "", policy && g.Policy != name, !policy && g.owner != claimed:
		return Grant{}, unauthorized("The token is not for user %q.", user)
	}
	return g, nil
}
