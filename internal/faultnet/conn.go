package faultnet

import (
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// Conn is a connection that misbehaves as it is told. Without orders it
// behaves.
type Conn struct {
	net.Conn
	closed chan struct{}
	once   sync.Once

	mu       sync.Mutex // guards the rest
	random   *rand.Rand
	passed   [2]int64 // bytes, by direction
	cut      [2]limit
	hole     [2]limit
	ending   Ending
	broken   bool
	silent   bool
	slice    int // bytes at most; 0: no limit
	delay    time.Duration
	jitter   time.Duration
	onBreak  func()
	deadline time.Time     // of reads
	changed  chan struct{} // closed when deadline, broken or silent changes, or at Close
}

// NewConn wraps c. The seed decides over slices and jitter.
func NewConn(c net.Conn, seed uint64) *Conn {
	return &Conn{
		Conn:    c,
		closed:  make(chan struct{}),
		random:  rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // it must repeat
		changed: make(chan struct{}),
	}
}

// Read reads what the faults let through.
func (c *Conn) Read(p []byte) (int, error) {
	room, _, err := c.room(Reading, len(p))
	if err != nil {
		return 0, err
	}
	if room == 0 && len(p) > 0 {
		return 0, c.hush()
	}
	n, err := c.Conn.Read(p[:room])
	if c.isSilent() {
		return 0, c.hush() // what arrived since then, arrived nowhere
	}
	if n > 0 {
		c.pass(Reading, n)
		return n, nil
	}
	return 0, c.because(Reading, err)
}

// Write writes what the faults let through.
func (c *Conn) Write(p []byte) (written int, err error) {
	for written < len(p) {
		room, pause, err := c.room(Writing, len(p)-written)
		if err != nil {
			return written, err
		}
		if room == 0 {
			return len(p), nil // into the black hole
		}
		if pause > 0 {
			time.Sleep(pause)
		}
		n, err := c.Conn.Write(p[written : written+room])
		written += n
		c.pass(Writing, n)
		if err != nil {
			return written, c.because(Writing, err)
		}
	}
	return written, nil
}

// Close closes the connection.
func (c *Conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.change()
	})
	return c.Conn.Close()
}

// SetDeadline also holds for reads from a black hole.
func (c *Conn) SetDeadline(t time.Time) error {
	c.setDeadline(t)
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline also holds for reads from a black hole.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.setDeadline(t)
	return c.Conn.SetReadDeadline(t)
}

func (c *Conn) setDeadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	c.change()
}

// change wakes readers of a black hole. Called with mu held.
func (c *Conn) change() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// hush is a read from a black hole: only its deadline or Close ends it.
func (c *Conn) hush() error {
	for {
		c.mu.Lock()
		deadline, changed := c.deadline, c.changed
		c.mu.Unlock()
		select {
		case <-c.closed:
			return net.ErrClosed
		default:
		}
		if !deadline.IsZero() && !time.Now().Before(deadline) {
			return os.ErrDeadlineExceeded
		}
		await(changed, deadline)
	}
}
