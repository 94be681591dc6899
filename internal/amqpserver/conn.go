package amqpserver

import (
	"bufio"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// Conn is one client's connection. Its methods are for the owner goroutine,
// except where they say otherwise.
type Conn struct {
	options Options
	handler Handler
	net     net.Conn
	br      *bufio.Reader // until the reader takes it over
	log     *slog.Logger

	in      chan arrival
	out     chan amqpwire.Frame
	taken   chan struct{} // one place: the writer has sent what it had
	broken  chan struct{} // closed when reader or writer gave up
	failure error         // why; set before broken is closed
	fail    sync.Once
	silent  atomic.Bool // see Mute
	wakes   wakes

	peerFrameSize int           // the largest frame that the client takes, in bytes
	heartbeat     time.Duration // something is sent as often as that

	trusted   atomic.Bool         // see Trust
	held      int                 // bytes; see Hold
	sessions  map[uint16]*Session // by channel, the same in both directions
	links     int
	partial   int // bytes of messages of which more is to come
	unsettled int // deliveries to the client
	debt      debt
	delayed   delayed

	alarm   *time.Timer // see At
	onAlarm func()
}

// maxLinks bounds the links of one connection. Clients that pool devices use up
// to a few for each of about a thousand.
const maxLinks = 5000

// handle acts on one frame. Its error ends the connection.
func (c *Conn) handle(f amqpwire.Frame) error {
	switch {
	case f.SASL:
		return fmt.Errorf("%w: a SASL frame after open", amqpwire.ErrFraming)
	case f.Channel > c.options.ChannelMax: // part 2 §2.7.1
		return fmt.Errorf("%w: channel %d is above channel-max", amqpwire.ErrFraming, f.Channel)
	case c.silent.Load():
		return nil
	case f.Body == nil:
		return nil // a heartbeat
	}
	if c.options.Frame != nil {
		if done, err := c.options.Frame(c, f); done || err != nil {
			return err
		}
	}
	switch body := f.Body.(type) {
	case *amqpwire.Open:
		return Errorf(CondNotAllowed, "The connection is open already.")
	case *amqpwire.Begin:
		return c.begin(f.Channel, body)
	}
	s := c.sessions[f.Channel]
	if s == nil {
		return Errorf(CondNotAllowed, "There is no session on channel %d.", f.Channel)
	}
	err := s.handle(f)
	var ended *amqpwire.Error
	if errors.As(err, &ended) {
		// What is wrong with a session ends that session only.
		s.End(ended)
		return nil
	}
	return err
}

// send queues a frame for the writer. It waits while the client is slow to
// read, and gives up with the connection.
func (c *Conn) send(channel uint16, body amqpwire.Performative, payload []byte) {
	c.abridge(body)
	f := amqpwire.Frame{Channel: channel, Body: body, Payload: payload}
	select {
	case c.out <- f: // also on a broken connection: it may carry the reason
		return
	default:
	}
	select {
	case c.out <- f:
	case <-c.broken:
	}
}

// Log returns the connection's logger. Once the connection is open, it names the
// client's container.
func (c *Conn) Log() *slog.Logger { return c.log }

// At has f called on the owner goroutine at t. A new call takes the place of
// the one before; the zero time leaves none.
func (c *Conn) At(t time.Time, f func()) {
	c.onAlarm = f
	if t.IsZero() {
		c.alarm.Stop()
		return
	}
	c.alarm.Reset(time.Until(t))
}

// Mute makes the server say nothing more on this connection and hear nothing
// more, not even a close, as if the network had failed. It may be called from
// any goroutine.
func (c *Conn) Mute() { c.silent.Store(true) }

// Session returns the session on a channel, nil if there is none, or if it has
// ended.
func (c *Conn) Session(channel uint16) *Session {
	if s := c.sessions[channel]; s != nil && !s.ended {
		return s
	}
	return nil
}

// Links returns the attached links, in no particular order.
func (c *Conn) Links() iter.Seq[*Link] {
	return func(yield func(*Link) bool) {
		for _, s := range c.sessions {
			for l := range s.Links() {
				if !yield(l) {
					return
				}
			}
		}
	}
}

// Concerned returns the attached link that a frame is about, nil if there is
// none.
func (c *Conn) Concerned(f amqpwire.Frame) *Link {
	s := c.Session(f.Channel)
	if s == nil {
		return nil
	}
	var l *Link
	switch body := f.Body.(type) {
	case *amqpwire.Transfer:
		l = s.links[body.Handle]
	case *amqpwire.Flow:
		if body.Handle != nil {
			l = s.links[*body.Handle]
		}
	case *amqpwire.Disposition:
		if sender := s.unsettled[body.First]; sender != nil {
			l = sender.Link
		}
	}
	if l == nil || l.Gone() {
		return nil
	}
	return l
}
