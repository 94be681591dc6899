package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
)

// ownHub is a local hub that this process serves beside its device. A nil ownHub
// means that the hub is another process.
type ownHub struct {
	console  *console.Console
	hub      *localhub.Hub
	listener *countingListener
	served   chan error
}

// startHub serves a local hub with devices at address. If something listens there already, it
// returns nil: connecting will show what it is.
func startHub(ctx context.Context, c *console.Console, address string, devices []localhub.Device) (*ownHub, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, nil
	}
	if err != nil {
		return nil, console.Usage(fmt.Errorf("local hub: %w", err), "--local takes HOST:PORT of this machine, such as "+defaults.Address)
	}
	hub, err := localhub.New(&localhub.Options{Devices: devices, Logger: c.Logger()})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	h := &ownHub{c, hub, newCountingListener(l), make(chan error, 1)}
	go func() { h.served <- hub.Serve(h.listener) }()
	return h, nil
}

// feedbackTimeout is how long a sender may take to read the feedback on the last
// message.
const feedbackTimeout = time.Second

// stop ends the hub, after its clients have disconnected or feedbackTimeout.
func (h *ownHub) stop(ctx context.Context) {
	if h == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, feedbackTimeout)
	defer cancel()
	h.listener.waitUntilUnused(ctx)
	noteLost(h.console, h.hub)
	h.hub.Close()
	if err := <-h.served; err != nil {
		h.console.Say("local hub: %v", err)
	}
}

// serveOn goes on serving the hub after another receiver has displaced its device:
// that receiver, and all other clients, depend on the hub.
func (h *ownHub) serveOn(ctx context.Context) error {
	h.console.Note("Another receiver has taken the device over. The local hub stays until Ctrl-C.")
	<-ctx.Done()
	return context.Cause(ctx)
}

// countingListener is a listener that counts the open connections.
type countingListener struct {
	net.Listener
	mu     sync.Mutex
	open   int
	closed chan struct{} // closed and replaced when a connection closes
}

func newCountingListener(l net.Listener) *countingListener {
	return &countingListener{Listener: l, closed: make(chan struct{})}
}

// Accept waits for the next connection.
func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open++
	return &countedConn{Conn: conn, closed: sync.OnceFunc(l.connClosed)}, nil
}

func (l *countingListener) connClosed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	close(l.closed)
	l.closed = make(chan struct{})
}

// waitUntilUnused returns when no connection is open, or when ctx ends.
func (l *countingListener) waitUntilUnused(ctx context.Context) {
	for {
		l.mu.Lock()
		open, closed := l.open, l.closed
		l.mu.Unlock()
		if open == 0 {
			return
		}
		select {
		case <-closed:
		case <-ctx.Done():
			return
		}
	}
}

type countedConn struct {
	net.Conn
	closed func()
}

// Close ends the connection.
func (c *countedConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}
