package access

import (
	"strings"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/sas"
)

// VerifyFor is [Control.Verify] for a client that has said in another way which
// device or module it is. A token without a policy is then signed with the key of
// that device, and may name anything between the hub alone and an endpoint of
// the device: some clients sign one for the host, some for a longer path. It
// permits to be that device, and nothing else.
func (c *Control) VerifyFor(id broker.ID, text string) (Grant, *broker.Refusal) {
	return c.verify(text, func(token sas.Token, scopes []sas.Scope) (Grant, sas.Key, *broker.Refusal) {
		if token.Policy() != "" {
			return c.signer(token, scopes)
		}
		key, ok := c.keys[id.Device]
		if !ok {
			return Grant{}, sas.Key{}, broker.NoDevice(id.Device, c.hostName)
		}
		for _, s := range scopes {
			if s.Covers(id.Path()) || isEndpoint(id, s.Path) {
				return Grant{scopes: []sas.Scope{{Host: s.Host, Path: id.Path()}}, permissions: DeviceConnect}, key, nil
			}
		}
		return Grant{}, sas.Key{}, unauthorized("The token for %q is not for %q.", token.Resource(), id)
	})
}

// isEndpoint reports whether the path is below that of id, and not a module's.
func isEndpoint(id broker.ID, path string) bool {
	rest, below := strings.CutPrefix(path, id.Path()+"/")
	return below && !strings.HasPrefix(rest, "modules/")
}
