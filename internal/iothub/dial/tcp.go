package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// dialTCP connects to address, by way of the proxy if there is one.
func (r Route) dialTCP(ctx context.Context, address string) (net.Conn, error) {
	switch proxy := r.Proxy; {
	case proxy != nil && r.plain():
		return nil, settingsError{&proxyError{proxyAddress(proxy), errPlainProxy}}
	case proxy != nil:
		return dialProxy(ctx, proxy, address)
	}
	dialer := &net.Dialer{KeepAlive: 30 * time.Second}
	stream, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, dialReason(err))
	}
	if r.plain() {
		if err := checkLoopback(stream.RemoteAddr()); err != nil {
			return nil, errors.Join(err, stream.Close())
		}
	}
	return stream, nil
}

// checkLoopback makes sure that no token leaves this machine without TLS,
// whatever a name resolved to.
func checkLoopback(a net.Addr) error {
	if tcp, ok := a.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return fmt.Errorf("%s is not a loopback address: refusing to connect without TLS", a)
	}
	return nil
}

// dialReason takes off err what the caller says itself: the address, and that
// this was about connecting.
func dialReason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return err
}
