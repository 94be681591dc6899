package faultnet

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// Dialer opens connections after it has been refused some times.
type Dialer struct {
	// Dial opens the connections.
	Dial func(ctx context.Context) (net.Conn, error)
	// Prepare, if set, is given each new connection and its number, from 1,
	// to order faults.
	Prepare func(n int, c *Conn)
	// Seed decides over slices and jitter.
	Seed uint64

	mu       sync.Mutex
	refuse   int
	attempts int
	opened   int
}

// Refuse refuses the next k attempts.
func (d *Dialer) Refuse(k int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuse = k
}

// Attempts returns how often a connection was asked for.
func (d *Dialer) Attempts() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.attempts
}

// DialContext opens a connection, or is refused.
func (d *Dialer) DialContext(ctx context.Context) (net.Conn, error) {
	d.mu.Lock()
	d.attempts++
	if d.refuse > 0 {
		d.refuse--
		d.mu.Unlock()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	d.opened++
	n := d.opened
	d.mu.Unlock()
	stream, err := d.Dial(ctx)
	if err != nil {
		return nil, err
	}
	c := NewConn(stream, d.Seed+uint64(n))
	if d.Prepare != nil {
		d.Prepare(n, c)
	}
	return c, nil
}
