package faultnet

import (
	"io"
	"net"
	"syscall"
	"time"
)

// Direction is the way that bytes go, as the holder of a [Conn] sees it.
type Direction int

// The two directions.
const (
	Reading Direction = iota
	Writing
)

// Ending is how a connection breaks.
type Ending int

// The ways to break.
const (
	Reset Ending = iota // as after a crash: connection reset
	EOF                 // as after a good-bye: end of file
)

// limit is a number of bytes, if it is set.
type limit struct {
	set   bool
	bytes int64
}

// left returns how many of n bytes may pass before the limit.
func (l limit) left(passed int64, n int) int {
	if !l.set {
		return n
	}
	return int(min(int64(n), max(l.bytes-passed, 0)))
}

func (l limit) reached(passed int64) bool { return l.set && passed >= l.bytes }

// CutAfter breaks the connection when n more bytes have passed in direction d.
func (c *Conn) CutAfter(d Direction, n int64, how Ending) {
	c.mu.Lock()
	c.cut[d], c.ending = limit{true, c.passed[d] + n}, how
	c.mu.Unlock()
	c.pass(d, 0)
}

// Cut breaks the connection now.
func (c *Conn) Cut(how Ending) { c.CutAfter(Writing, 0, how) }

// BlackHoleAfter makes the connection fall silent, without breaking, when n
// more bytes have passed in direction d: writes are swallowed, and nothing
// arrives any more, not even the end.
func (c *Conn) BlackHoleAfter(d Direction, n int64) {
	c.mu.Lock()
	c.hole[d] = limit{true, c.passed[d] + n}
	c.mu.Unlock()
	c.pass(d, 0)
}

// BlackHole makes the connection fall silent now.
func (c *Conn) BlackHole() { c.BlackHoleAfter(Writing, 0) }

// Slice limits each read and write on the wire to a random number of bytes
// from 1 to most.
func (c *Conn) Slice(most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slice = most
}

// Delay holds every write up for d, and at random up to jitter longer.
func (c *Conn) Delay(d, jitter time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delay, c.jitter = d, jitter
}

// OnBreak has f called when the connection first breaks, or falls silent, on
// order.
func (c *Conn) OnBreak(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onBreak = f
}

// Passed returns how many bytes have passed in direction d.
func (c *Conn) Passed(d Direction) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.passed[d]
}

// pass accounts for n bytes, and carries out what has become due.
func (c *Conn) pass(d Direction, n int) {
	c.mu.Lock()
	c.passed[d] += int64(n)
	broke := !c.broken && c.cut[d].reached(c.passed[d])
	hushed := !c.silent && c.hole[d].reached(c.passed[d])
	c.broken, c.silent = c.broken || broke, c.silent || hushed
	how, told := c.ending, c.onBreak
	if broke || hushed {
		c.onBreak = nil
		c.change()
	}
	c.mu.Unlock()
	if broke {
		c.hangUp(how)
	}
	if (broke || hushed) && told != nil {
		told()
	}
}

// hangUp closes the connection under the faults, so that the peer notices.
func (c *Conn) hangUp(how Ending) {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && how == Reset {
		_ = tcp.SetLinger(0) // this turns the close into a reset
	}
	_ = c.Close()
}

// room returns how many of n bytes may pass in one go, and after what pause. A
// connection that has fallen silent has none, and no error either.
func (c *Conn) room(d Direction, n int) (room int, pause time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.broken:
		return 0, 0, c.reason(d)
	case c.silent:
		return 0, 0, nil
	}
	if c.slice > 0 && n > 0 {
		n = min(n, 1+c.random.IntN(c.slice))
	}
	pause = c.delay
	if c.jitter > 0 {
		pause += time.Duration(c.random.Int64N(int64(c.jitter)))
	}
	return c.hole[d].left(c.passed[d], c.cut[d].left(c.passed[d], n)), pause, nil
}

func (c *Conn) isSilent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.silent && !c.broken
}

// because returns the error of a connection that was broken on order in place
// of err, which is about the connection under it.
func (c *Conn) because(d Direction, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && c.broken {
		return c.reason(d)
	}
	return err
}

// reason is what a broken connection says. Called with mu held.
func (c *Conn) reason(d Direction) error {
	switch {
	case c.ending == Reset:
		return &net.OpError{Op: [...]string{"read", "write"}[d], Net: "tcp", Err: syscall.ECONNRESET}
	case d == Reading:
		return io.EOF
	}
	return &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
}
