package access

import (
	"strings"
	"time"

	"iothub-c2d/internal/localhub/address"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/sas"
)

// clockSkew is how far the clock of a token's maker may be behind. Source: the
// C# SDK's MaxClockSkew, and Microsoft's troubleshooting page on error 401003.
const clockSkew = 5 * time.Minute

// Verify turns the text of a token into a grant, or says why it will not.
func (c *Control) Verify(text string) (Grant, *broker.Refusal) { return c.verify(text, c.signer) }

// signerOf finds who must have signed a token, and what it grants then. The grant
// is not complete yet.
type signerOf func(sas.Token, []sas.Scope) (Grant, sas.Key, *broker.Refusal)

func (c *Control) verify(text string, signer signerOf) (Grant, *broker.Refusal) {
	token, err := sas.ParseToken(text)
	if err != nil {
		return Grant{}, unauthorized("The token is malformed: %v.", err)
	}
	scopes := token.Scopes()
	if host := scopes[1].Host; !c.isHost(host) { // decoded once, as most SDKs encode it
		return Grant{}, unauthorized("The token is for host %q, this is %q.", host, c.hostName)
	}
	g, key, refused := signer(token, ofHost(scopes, scopes[1].Host))
	g.Resource, g.End = token.Resource(), token.Expiry().Add(clockSkew)
	switch {
	case refused != nil:
		return Grant{}, refused
	case !token.VerifiedBy(key):
		return Grant{}, unauthorized("The token for %q is signed with another key.", g.Resource)
	case !time.Now().Before(g.End):
		return Grant{}, unauthorized("The token for %q expired at %s.", g.Resource, token.Expiry().UTC().Format(time.RFC3339))
	}
	return g, nil
}

// ofHost returns the readings of a token's resource that name the host.
func ofHost(scopes []sas.Scope, host string) (same []sas.Scope) {
	for _, s := range scopes {
		if s.Host == host {
			same = append(same, s)
		}
	}
	return same
}

// signer finds who must have signed the token: the policy that it names, else
// the device whose path it carries.
func (c *Control) signer(token sas.Token, scopes []sas.Scope) (Grant, sas.Key, *broker.Refusal) {
	if name := token.Policy(); name != "" {
		policy, ok := c.policies[name]
		if !ok {
			return Grant{}, sas.Key{}, unauthorized("There is no shared access policy %q.", name)
		}
		return Grant{Policy: name, scopes: scopes, permissions: policy.Permissions}, policy.Key, nil
	}
	id, ok := c.owner(scopes)
	if !ok {
		return Grant{}, sas.Key{}, unauthorized("The token for %q names neither a policy nor a device.", token.Resource())
	}
	key, ok := c.keys[id.Device]
	if !ok {
		return Grant{}, sas.Key{}, broker.NoDevice(id.Device, c.hostName)
	}
	return Grant{scopes: []sas.Scope{{Host: scopes[0].Host, Path: id.Path()}}, permissions: DeviceConnect}, key, nil
}

// owner returns whose path the scopes are: the first registered device's or its
// module's, else anybody's.
func (c *Control) owner(scopes []sas.Scope) (id broker.ID, ok bool) {
	for _, s := range scopes {
		path := address.Path(strings.Split(s.Path, "/")[1:]) // a scope is decoded already
		meant, rest, valid := path.Identity()
		if !valid || len(rest) > 0 {
			continue
		}
		id, ok = meant, true
		if _, known := c.keys[id.Device]; known {
			break
		}
	}
	return id, ok
}

// IsFor reports whether the grant is that of a user of SASL PLAIN, which is
// {policy}@sas.root.{hub} or {device}@sas.{hub}. The hub in the user's name is not
// looked at, since the token names it too. Source: Microsoft docs,
// iot-hub-amqp-support.
func (g Grant) IsFor(user string) bool {
	const at = "@sas."
	i := strings.LastIndex(user, at) // an id may hold it as well
	if i <= 0 {
		return false
	}
	name := user[:i]
	if strings.HasPrefix(user[i+len(at):], "root.") {
		return name == g.Policy
	}
	return g.Policy == "" && g.covers(broker.ID{Device: name}.Path())
}
