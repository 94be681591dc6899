package httpfront

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// A page on the web can make a browser on this machine send requests to the hub:
// across origins, or by a name of its own that it lets resolve to a loopback
// address (DNS rebinding). The keys of a local hub are public, so that a token
// protects from neither. What the browser says of host and origin does.

// foreign returns why the request is refused for where it was sent to, or comes
// from: empty if it is not. What has no Host is no browser.
func (h *handler) foreign(r *http.Request) string {
	if r.Host != "" && !h.isOurs(hostOf(r.Host)) {
		return fmt.Sprintf("The host %.100q is not authorized: it is neither an address, localhost nor a name that the hub was given.", r.Host)
	}
	for _, origin := range r.Header.Values("Origin") {
		if !sameOrigin(origin, r.Host) {
			return fmt.Sprintf("The origin %.100q is not authorized for the host %.100q.", origin, r.Host)
		}
	}
	return ""
}

// isOurs reports whether a host is one by which only this hub can be meant.
func (h *handler) isOurs(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		slices.ContainsFunc(h.HostNames, func(name string) bool { return strings.EqualFold(host, name) })
}

// hostOf returns a host in small letters, without a port, brackets, or the dot at
// the end of a complete name.
func hostOf(hostPort string) string {
	host := strings.ToLower(hostPort)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.Trim(host, "[]"), ".")
}

// sameOrigin reports whether an origin (RFC 6454) has the host and the port that
// the request was sent to. A port that the scheme implies may be left out.
func sameOrigin(origin, hostPort string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || hostOf(u.Host) != hostOf(hostPort) {
		return false
	}
	implied := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	return portOf(u.Host, implied) == portOf(hostPort, implied)
}

func portOf(hostPort, implied string) string {
	if _, port, err := net.SplitHostPort(hostPort); err == nil && port != "" {
		return port
	}
	return implied
}
