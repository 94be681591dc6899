package amqpserver

import "iothub-c2d/internal/amqpwire"

// Memory is what connections may hold all together. Its methods may be called from
// any goroutine.
type Memory interface {
	// Take takes n bytes, if so many are left.
	Take(n int) bool
	// Give gives n bytes back.
	Give(n int)
}

// maxHeld is how many bytes a client may make the server hold on one connection:
// enough for all its links, whose number is bounded as well.
const maxHeld = 32 << 20

// What a session and a link cost without any text, in bytes, about.
const (
	sessionCost = 1 << 10
	linkCost    = 512
)

// Hold counts n bytes that the connection holds from now on because its client
// wants it to, or returns why it must not. What the handler keeps for later, such
// as replies that the client has not asked for yet, counts as well as what the
// server does: sessions, links, unfinished messages.
func (c *Conn) Hold(n int) *amqpwire.Error {
	switch {
	case !c.trusted.Load() && c.held+n > c.options.Untrusted:
		return Errorf(CondLimitExceeded, "A client that has not shown who it is may make the server hold %d bytes.", c.options.Untrusted)
	case c.held+n > maxHeld:
		return Errorf(CondLimitExceeded, "The connection makes the server hold more than %d bytes.", maxHeld)
	case c.options.Memory != nil && !c.options.Memory.Take(n):
		return Errorf(CondLimitExceeded, "The server has no memory left for its connections.")
	}
	c.held += n
	return nil
}

// Free takes back n bytes of [Conn.Hold]. What is left at the end of the connection
// is taken back by itself.
func (c *Conn) Free(n int) {
	c.held -= n
	if c.options.Memory != nil {
		c.options.Memory.Give(n)
	}
}

// Trust says that the client has shown who it is: the bounds of [Options.Untrusted]
// are lifted.
func (c *Conn) Trust() { c.trusted.Store(true) }

// frameLimit returns the size of the largest frame that is read now, in bytes. One
// costs many times its size before anybody has looked at it.
func (c *Conn) frameLimit() uint32 {
	if c.trusted.Load() {
		return c.options.MaxFrameSize
	}
	return min(c.options.MaxFrameSize, max(uint32(c.options.Untrusted/4), amqpwire.MinMaxFrameSize))
}
