package sas

import (
	"errors"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// hostSyntax is the host pattern of Microsoft's C# SDK, anchored and without
// empty labels, plus an optional port and bracketed IPv6 for local hubs.
var hostSyntax = regexp.MustCompile(
	`^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)(:[0-9]{1,5})?$`)

// ValidHost reports whether s is a host name or an IP address, with a port or
// without.
func ValidHost(s string) bool { return checkHost(s) == nil }

// checkHost returns an error that starts with a verb, such as "is missing".
func checkHost(hostPort string) error {
	if hostPort == "" {
		return errors.New("is missing")
	}
	if !hostSyntax.MatchString(hostPort) {
		return errors.New("is not a host name (such as myhub.azure-devices.net, with no scheme or path)")
	}
	host, port := splitHostPort(hostPort)
	if hostPort[0] == '[' {
		if addr, err := netip.ParseAddr(host); err != nil || !addr.Is6() {
			return errors.New("is not a valid IPv6 address")
		}
	}
	if port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return errors.New("has no valid port (1 to 65535)")
		}
	}
	return nil
}

// splitHostPort takes the brackets off an IPv6 address. It takes any text,
// since the scope of a token comes from strangers: port is empty if there is
// none, and a bare IPv6 address is all host.
func splitHostPort(s string) (host, port string) {
	if strings.HasPrefix(s, "[") {
		if inner, after, ok := strings.Cut(s[1:], "]"); ok {
			return inner, strings.TrimPrefix(after, ":")
		}
	}
	if strings.Count(s, ":") == 1 {
		host, port, _ = strings.Cut(s, ":")
		return host, port
	}
	return s, ""
}

// IsLoopback reports whether a host is this machine. It counts names under
// localhost as loopback (RFC 6761 section 6.3); whether the resolver agrees is for
// the code that dials to check.
func IsLoopback(hostPort string) bool {
	host, _ := splitHostPort(strings.ToLower(hostPort))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
