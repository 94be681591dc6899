package access

import (
	"slices"
	"strings"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/registry"
	"iothub-c2d/internal/sas"
)

// Need is a permission for an endpoint. The zero value is none: everybody has it.
type Need struct {
	Permission Permission
	Of         broker.ID // whose endpoint it is; zero: the hub's
	Endpoint   string    // a path below that of the device or the hub, such as /messages/devicebound; empty: the device itself
}

// path returns the path of the endpoint below the hub's name.
func (n Need) path() string {
	if n.Of == (broker.ID{}) {
		return n.Endpoint
	}
	return n.Of.Path() + n.Endpoint
}

// Grant is what a client may do on the strength of one token. Most of it is worked
// out once: a connection may hold many grants, for many links.
type Grant struct {
	Resource    string    // the token's
	Policy      string    // empty: the token is a device's or module's own, or of Microsoft Entra ID
	End         time.Time // when it is over, the allowance for clocks included
	owner       broker.ID // the device or module that has signed it; zero: another has
	scopes      []sas.Scope
	device      string // in small letters, whom all scopes are about; empty: there may be others
	permissions Permission

	registry *registry.Registry
	bearer   broker.ID // whose key has signed it, if it has an owner: the owner's, or its device's
	revision uint64    // of the bearer
}

// Until returns when the permission for an endpoint of this hub ends: the zero time
// if the grant does not give it, or no longer.
func (g Grant) Until(n Need) time.Time {
	if !g.gives(n) || g.suspended(n) != nil {
		return time.Time{}
	}
	return g.End
}

// gives reports whether the grant gives the permission, as far as its token says.
func (g Grant) gives(n Need) bool {
	return g.permissions&n.Permission != 0 && g.covers(n) && time.Now().Before(g.End)
}

// suspended returns why the grant does not count although its token is good: the
// registry says something else than when the token was verified, or has disabled
// the device. That there is no device is for the broker to say.
func (g Grant) suspended(n Need) *broker.Refusal {
	if g.owner != (broker.ID{}) {
		if i, refused := g.registry.Get(g.bearer); refused != nil {
			return refused
		} else if i.Revision != g.revision {
			return unauthorized("The credentials of %s have changed.", g.bearer)
		}
	}
	if n.Permission != DeviceConnect {
		return nil
	}
	if refused := g.registry.Refuse(n.Of); refused != nil && refused.Code != broker.DeviceNotFound {
		return refused
	}
	return nil
}

// covers reports whether the grant is good for an endpoint. A device's own token is
// good for that device only, whose id is compared with its case.
func (g Grant) covers(n Need) bool {
	if g.owner != (broker.ID{}) && g.owner.Device != n.Of.Device {
		return false
	}
	return slices.ContainsFunc(g.scopes, func(s sas.Scope) bool { return s.Covers(n.path()) })
}

// Grants are all that a connection has been granted. A renewed token takes the
// place of the old one.
type Grants []Grant

// maxGrants bounds the tokens of one connection. IoT Hub has such a limit too
// (error 403005); its size is not published.
const maxGrants = 1000

// Add adds a grant, unless there are too many.
func (g *Grants) Add(n Grant) *broker.Refusal {
	now := time.Now()
	*g = slices.DeleteFunc(*g, func(old Grant) bool {
		return old.Resource == n.Resource && old.Policy == n.Policy && old.owner == n.owner || !now.Before(old.End)
	})
	if len(*g) >= maxGrants {
		return broker.Refuse(broker.TooManyTokens, "The connection holds %d tokens already.", maxGrants)
	}
	*g = append(*g, n)
	return nil
}

// Size returns about how many bytes the grants take in memory.
func (g Grants) Size() (n int) {
	const fixed = 300
	for _, grant := range g {
		n += fixed + 2*len(grant.Resource)
		for _, s := range grant.scopes {
			n += len(s.Path)
		}
	}
	return n
}

// Until returns when the last of the grants that give the permission ends: the
// zero time if none does.
func (g Grants) Until(n Need) (end time.Time) {
	device := strings.ToLower(n.Of.Device)
	for i := range g {
		if device == "" || g[i].device == "" || g[i].device == device { // there may be a thousand
			end = later(end, g[i].Until(n))
		}
	}
	return end
}

// Suspended returns why none of the grants counts that would give the permission
// otherwise: nil if there is no such grant.
func (g Grants) Suspended(n Need) *broker.Refusal {
	for _, grant := range g {
		if grant.gives(n) {
			return grant.suspended(n)
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
