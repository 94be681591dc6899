package httpfront

import (
	"net"
	"sync"
)

// listener has one connection, and ends with it.
type listener struct {
	net.Conn
	accepted bool
	once     sync.Once
	closed   chan struct{}
}

func newListener(c net.Conn) *listener { return &listener{Conn: c, closed: make(chan struct{})} }

// Accept returns the connection, and the second time that it has ended.
func (l *listener) Accept() (net.Conn, error) {
	if !l.accepted {
		l.accepted = true
		return accepted{l}, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

// Addr returns the address that the client has reached.
func (l *listener) Addr() net.Addr { return l.LocalAddr() }

// Close does nothing: the server calls it when the connection has ended.
func (*listener) Close() error { return nil }

// accepted is the connection of a listener.
type accepted struct{ *listener }

// Close ends the connection, and with it the listener.
func (a accepted) Close() error {
	a.once.Do(func() { close(a.closed) })
	return a.Conn.Close()
}
