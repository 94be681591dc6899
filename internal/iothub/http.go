package iothub

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// url returns the hub's URL with the path, which is encoded already. Without TLS
// the scheme loses its s.
func (r route) url(scheme, path string) string {
	if r.plain() {
		scheme = strings.TrimSuffix(scheme, "s")
	}
	return scheme + "://" + r.address() + path
}

// httpClient returns a client for one request to the hub.
func (r route) httpClient() *http.Client {
	transport := &http.Transport{TLSClientConfig: r.tls(), DisableKeepAlives: true}
	switch {
	case r.options.Dial != nil:
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return r.options.Dial(ctx) }
		transport.DialTLSContext = transport.DialContext
	case r.options.Proxy != nil || r.plain():
		transport.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
			return r.dialTCP(ctx, address)
		}
	default:
		transport.Proxy = http.ProxyFromEnvironment
	}
	return &http.Client{
		Transport: transport,
		// A hub does not redirect, and nobody else gets the token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// requestError takes the URL off an error, which the caller names itself.
func requestError(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}
