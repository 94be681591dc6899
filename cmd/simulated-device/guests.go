package main

import (
	"context"
	"net"
	"sync"
	"time"
)

// guests is a listener that knows when all who came have left.
type guests struct {
	net.Listener
	mu   sync.Mutex
	here int
	left chan struct{} // closed and replaced when one leaves
}

func newGuests(l net.Listener) *guests {
	return &guests{Listener: l, left: make(chan struct{})}
}

// Accept waits for the next guest.
func (g *guests) Accept() (net.Conn, error) {
	conn, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.here++
	return &guest{Conn: conn, leave: sync.OnceFunc(g.leave)}, nil
}

func (g *guests) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.here--
	close(g.left)
	g.left = make(chan struct{})
}

// farewell is how long a sender may take to hear of its message's fate.
const farewell = time.Second

// wait returns when all have left, or ctx ends, or it has been long enough.
func (g *guests) wait(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	for {
		g.mu.Lock()
		here, left := g.here, g.left
		g.mu.Unlock()
		if here == 0 {
			return
		}
		select {
		case <-left:
		case <-ctx.Done():
			return
		}
	}
}

type guest struct {
	net.Conn
	leave func()
}

// Close ends the connection.
func (g *guest) Close() error {
	defer g.leave()
	return g.Conn.Close()
}
