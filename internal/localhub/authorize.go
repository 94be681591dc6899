package localhub

import (
	"net"
	"slices"
	"strings"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/sas"
)

// Permission is what a shared access policy allows. Source: Microsoft docs,
// iot-hub-dev-guide-sas.
type Permission int

// The permissions that matter to messaging.
const (
	ServiceConnect Permission = 1 << iota // send to devices, read feedback
	DeviceConnect                         // act as a device
)

// Policy is a shared access policy of the hub.
type Policy struct {
	Name        string
	Key         sas.Key
	Permissions Permission
}

// clockSkew is how far the clock of a token's maker may be behind. Source: the
// C# SDK's MaxClockSkew, and Microsoft's troubleshooting page on error 401003.
const clockSkew = 5 * time.Minute

// grant is what a connection may do on the strength of one token. All of it is
// worked out once: a connection may hold many grants, for many links.
type grant struct {
	resource    string // the token's
	policy      string // empty: the token is a device's or module's own
	scopes      []string
	permissions Permission
	end         time.Time
}

// covers reports whether a path below the hub is one of the scopes, or below it
// segment by segment.
func (g grant) covers(path string) bool {
	return slices.ContainsFunc(g.scopes, func(scope string) bool {
		rest, ok := strings.CutPrefix(path, scope)
		return ok && (rest == "" || rest[0] == '/')
	})
}

// grants are all that a connection has been granted. A renewed token takes the
// place of the old one.
type grants []grant

// maxGrants bounds the tokens of one connection. IoT Hub has such a limit too
// (error 403005); its size is not published.
const maxGrants = 1000

func (g *grants) add(n grant) *amqpwire.Error {
	now := time.Now()
	*g = slices.DeleteFunc(*g, func(old grant) bool {
		return old.resource == n.resource && old.policy == n.policy || !now.Before(old.end)
	})
	if len(*g) >= maxGrants {
		return refusal(condLimitExceeded, codeTooManyTokens, "The connection holds %d tokens already.", maxGrants)
	}
	*g = append(*g, n)
	return nil
}

// until returns when the permission for a path on this hub ends: the zero time
// if there is none.
func (g grants) until(p Permission, path string) (end time.Time) {
	for _, grant := range g {
		if grant.permissions&p != 0 && grant.covers(path) {
			end = later(end, grant.end)
		}
	}
	if !time.Now().Before(end) {
		return time.Time{}
	}
	return end
}

// verify turns the text of a token into a grant, or says why it will not.
func (h *Hub) verify(text string) (grant, *amqpwire.Error) {
	token, err := sas.ParseToken(text)
	if err != nil {
		return grant{}, refusal(condUnauthorized, codeUnauthorized, "The token is malformed: %v.", err)
	}
	resource := token.Resource()
	host, _, _ := strings.Cut(resource, "/")
	if !h.isHost(host) {
		return grant{}, refusal(condUnauthorized, codeUnauthorized, "The token is for host %q, this is %q.", host, h.options.HostName)
	}
	g, key, refused := h.signer(token, pathsOf(token, host))
	g.resource, g.end = resource, token.Expiry().Add(clockSkew)
	switch {
	case refused != nil:
		return grant{}, refused
	case !token.VerifiedBy(key):
		return grant{}, refusal(condUnauthorized, codeUnauthorized, "The token for %q is signed with another key.", resource)
	case !time.Now().Before(g.end):
		return grant{}, refusal(condUnauthorized, codeUnauthorized, "The token for %q expired at %s.", resource, token.Expiry().UTC().Format(time.RFC3339))
	}
	return g, nil
}

// pathsOf returns the paths below the hub that a token may mean.
func pathsOf(token sas.Token, host string) (paths []string) {
	for _, scope := range token.Scopes() {
		if path, ok := strings.CutPrefix(scope, host); ok && (path == "" || path[0] == '/') {
			paths = append(paths, strings.TrimSuffix(path, "/"))
		}
	}
	return paths
}

// signer finds who must have signed the token: the policy that it names, else
// the device whose path it carries. The grant is not complete yet.
func (h *Hub) signer(token sas.Token, scopes []string) (grant, sas.Key, *amqpwire.Error) {
	if name := token.Policy(); name != "" {
		policy, ok := h.policies[name]
		if !ok {
			return grant{}, sas.Key{}, refusal(condUnauthorized, codeUnauthorized, "There is no shared access policy %q.", name)
		}
		return grant{policy: name, scopes: scopes, permissions: policy.Permissions}, policy.Key, nil
	}
	id, ok := h.owner(scopes)
	if !ok {
		return grant{}, sas.Key{}, refusal(condUnauthorized, codeUnauthorized, "The token for %q names neither a policy nor a device.", token.Resource())
	}
	key, ok := h.keys[id.device]
	if !ok {
		return grant{}, sas.Key{}, h.noDevice(id.device)
	}
	return grant{scopes: []string{id.path()}, permissions: DeviceConnect}, key, nil
}

// owner returns whose path the scopes are: the first registered device's or its
// module's, else anybody's.
func (h *Hub) owner(scopes []string) (id identity, ok bool) {
	for _, path := range scopes {
		meant, rest, valid := segments(strings.Split(path, "/")[1:]).identity()
		if !valid || len(rest) > 0 {
			continue
		}
		id, ok = meant, true
		if _, known := h.keys[id.device]; known {
			break
		}
	}
	return id, ok
}

func (h *Hub) noDevice(id string) *amqpwire.Error {
	return refusal(condNotFound, codeDeviceNotFound, "Device %s at IotHub %s not registered.", id, h.options.HostName)
}

// isHost reports whether a token's host names this hub: its own name, or any
// name of this machine's own interface, since clients reach it by all of them.
func (h *Hub) isHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(strings.ToLower(host), "[]")
	ip := net.ParseIP(host)
	return host == strings.ToLower(h.options.HostName) || host == "localhost" ||
		strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
