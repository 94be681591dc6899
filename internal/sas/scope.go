package sas

import (
	"net/url"
	"slices"
	"strings"
)

// Covers tells whether the token's scope holds the resource, which is given
// unencoded, such as "hub.azure-devices.net/devices/dev1". The scope is a prefix
// by segment: ".../devices/dev1" covers ".../devices/dev1/messages" but not
// ".../devices/dev10" (Microsoft docs, "Control access to IoT Hub with shared
// access signatures"). Hosts compare without port and case; ids keep their case.
//
// Any of [Token.Scopes] will do; for an id such as "a%41" that makes the token
// cover "aA" as well.
func (t Token) Covers(resource string) bool {
	want := segments(resource)
	return slices.ContainsFunc(t.Scopes(), func(scope string) bool { return hasPrefix(want, segments(scope)) })
}

// Scopes returns the resources that sr may mean: as given, and decoded once and
// twice. SDKs escape it not at all (C, Python), once (Node) or, the ids in it,
// twice (C#), and sign each of these.
func (t Token) Scopes() []string {
	scopes := []string{t.RawResource()}
	for len(scopes) < 3 {
		scopes = append(scopes, unescape(scopes[len(scopes)-1]))
	}
	return scopes
}

// segments splits a resource at its slashes and normalises the host in front.
func segments(resource string) []string {
	parts := strings.Split(strings.TrimSuffix(resource, "/"), "/")
	host, _ := splitHostPort(parts[0])
	parts[0] = strings.ToLower(host)
	return parts
}

func hasPrefix(path, prefix []string) bool {
	return prefix[0] != "" && len(prefix) <= len(path) && slices.Equal(prefix, path[:len(prefix)])
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
