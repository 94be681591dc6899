package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Do sends one request of the REST API to the hub, at its HTTPS port whatever
// the protocol of the route. The path is encoded already; authorization is the
// header of that name.
func (r Route) Do(ctx context.Context, method, path, authorization string) (*http.Response, error) {
	r.Protocol = AMQPWS
	request, err := http.NewRequestWithContext(ctx, method, r.url("https", path), http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", authorization)
	response, err := r.httpClient().Do(request)
	if err != nil {
		return nil, fmt.Errorf("HTTP request to %s: %w", r.Address(), requestReason(err))
	}
	return response, nil
}

// url returns the hub's URL with the path, which is encoded already. Without TLS
// the scheme loses its s.
func (r Route) url(scheme, path string) string {
	if r.plain() {
		scheme = strings.TrimSuffix(scheme, "s")
	}
	return scheme + "://" + r.Address() + path
}

// httpClient returns a client for one request to the hub.
func (r Route) httpClient() *http.Client {
	transport := &http.Transport{TLSClientConfig: r.tls(), DisableKeepAlives: true}
	switch {
	case r.Open != nil:
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return r.Open(ctx) }
		transport.DialTLSContext = transport.DialContext
	case r.Proxy != nil || r.plain():
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

// requestReason takes the URL off an error, which the caller names itself.
func requestReason(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}
