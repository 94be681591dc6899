package dial

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// ErrProxy says that the proxy, not the hub, is what does not work.
var ErrProxy = errors.New("the proxy does not work")

// errPlainProxy keeps tokens from passing other people's machines unhidden.
var errPlainProxy = errors.New("it would see the token: a proxy cannot be used without TLS")

// proxyError is an error of the proxy at an address.
type proxyError struct {
	at     string
	reason error
}

func (e *proxyError) Error() string        { return "proxy " + e.at + ": " + e.reason.Error() }
func (e *proxyError) Unwrap() error        { return e.reason }
func (e *proxyError) Is(target error) bool { return target == ErrProxy }

func proxyAddress(proxy *url.URL) string {
	return net.JoinHostPort(proxy.Hostname(), cmp.Or(proxy.Port(), "8080"))
}

// dialProxy connects to address through an HTTP proxy (RFC 9110 §9.3.6,
// CONNECT).
func dialProxy(ctx context.Context, proxy *url.URL, address string) (net.Conn, error) {
	at := proxyAddress(proxy)
	stream, err := (&net.Dialer{}).DialContext(ctx, "tcp", at)
	if err != nil {
		return nil, &proxyError{at, dialReason(err)}
	}
	tunnel, err := openTunnel(ctx, stream, proxy.User, address)
	if err != nil {
		_ = stream.Close() // what went wrong before is what matters
		return nil, &proxyError{at, err}
	}
	return tunnel, nil
}

// openTunnel asks the proxy for a connection to address.
func openTunnel(ctx context.Context, stream net.Conn, user *url.Userinfo, address string) (net.Conn, error) {
	// An ended context interrupts reading and writing.
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Now()) })
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: make(http.Header)}
	if user != nil {
		password, _ := user.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		request.Header.Set("Proxy-Authorization", "Basic "+credentials)
	}
	tunnel, err := exchange(stream, request)
	if !stop() && err == nil || ctx.Err() != nil {
		return nil, fmt.Errorf("no answer: %w", ctx.Err())
	}
	return tunnel, err
}

// maxProxyHeader bounds the proxy's answer, in bytes.
const maxProxyHeader = 64 << 10

func exchange(stream net.Conn, request *http.Request) (net.Conn, error) {
	if err := request.Write(stream); err != nil {
		return nil, err
	}
	limited := &io.LimitedReader{R: stream, N: maxProxyHeader}
	reader := bufio.NewReader(limited)
	response, err := http.ReadResponse(reader, request)
	if err != nil {
		return nil, fmt.Errorf("it does not answer as a proxy: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close() // nothing in it is of use
		return nil, fmt.Errorf("it refused the connection: %s", response.Status)
	}
	limited.N = 1 << 62
	return &tunnel{stream, reader}, nil
}

// tunnel reads through the buffer that held the proxy's answer: the server
// behind it may have been quick.
type tunnel struct {
	net.Conn
	reader *bufio.Reader
}

func (t *tunnel) Read(p []byte) (int, error) { return t.reader.Read(p) }
