package sas

import (
	"net/url"
	"slices"
	"strings"
)

// Scope is one reading of a token's resource: a host, and a path below it.
type Scope struct {
	Host string // in lower case, without a port; empty if there is none
	Path string // empty, or it begins with a slash and does not end with one
}

// Covers reports whether the path, given unencoded and such as /devices/dev1, is
// the scope's own or below it. A scope is a prefix by segment: /devices/dev1
// covers /devices/dev1/messages but not /devices/dev10 (Microsoft docs, "Control
// access to IoT Hub with shared access signatures"). Case does not matter, not
// even in ids: by convention some clients sign the whole resource in small letters
// (azure-docs issue 6039, iotedge pull request 3817).
func (s Scope) Covers(path string) bool {
	n := len(s.Path)
	if len(path) < n || !strings.EqualFold(path[:n], s.Path) {
		return false
	}
	return len(path) == n || path[n] == '/'
}

// Covers reports whether the token is for the resource, which is given unencoded,
// such as "hub.azure-devices.net/devices/dev1": that is, whether one of
// [Token.Scopes] has its host and covers its path. Hosts compare without port and
// case.
//
// Any of the scopes will do; for an id such as "a%41" that makes the token cover
// "aA" as well.
func (t Token) Covers(resource string) bool {
	want := newScope(resource)
	return slices.ContainsFunc(t.Scopes(), func(s Scope) bool {
		return s.Host != "" && s.Host == want.Host && s.Covers(want.Path)
	})
}

// Scopes returns the three scopes that sr may mean (see [Scopes]). SDKs sign
// each of these forms.
func (t Token) Scopes() []Scope { return Scopes(t.RawResource()) }

// Scopes returns the three scopes that a resource may mean: as given, and decoded
// once and twice. SDKs escape it not at all (C, Python), once (Node) or, the ids in
// it, twice (C#).
func Scopes(resource string) []Scope {
	once := unescape(resource)
	return []Scope{newScope(resource), newScope(once), newScope(unescape(once))}
}

// newScope splits a resource at its first slash and normalises the host in front.
func newScope(resource string) Scope {
	resource = strings.TrimSuffix(resource, "/")
	end := strings.IndexByte(resource, '/')
	if end < 0 {
		end = len(resource)
	}
	host, _ := splitHostPort(resource[:end])
	return Scope{Host: strings.ToLower(host), Path: resource[end:]}
}

// Escape is percent encoding in upper case of all but letters, digits and -_.~
func Escape(s string) string {
	// QueryEscape writes a space as "+", and a true plus as %2B.
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// unescape undoes Escape. Text that cannot be escaped text is taken as it is,
// because a client that does not escape may well send the id "100%".
func unescape(s string) string {
	// PathUnescape leaves "+" alone, which is legal in device ids.
	if decoded, err := url.PathUnescape(s); err == nil {
		return decoded
	}
	return s
}
