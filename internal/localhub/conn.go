package localhub

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// conn is one client's connection.
//
// Three goroutines serve it. The reader decodes frames and passes them on; the
// writer encodes frames and sends them, and heartbeats in between; the owner,
// which is the goroutine that called serve, does everything else. All state
// below a connection (sessions, links, grants) belongs to the owner and needs
// no lock. Queues and other connections reach the owner through wake.
type conn struct {
	hub     *Hub
	net     net.Conn
	socket  net.Conn      // under TLS and WebSocket
	br      *bufio.Reader // until the reader takes it over
	log     *slog.Logger
	manners manners

	credential credential // the client's certificate; never changes

	in      chan amqpwire.Frame
	out     chan amqpwire.Frame
	wake    chan struct{} // one place: there is something to do
	broken  chan struct{} // closed when reader or writer gave up
	failure error         // why; set before broken is closed
	fail    sync.Once

	peer    amqpwire.Open
	silent  atomic.Bool   // a fault keeps the hub from saying anything
	chances opportunities // for faults

	sessions map[uint16]*session // by channel, the same in both directions
	links    int
	replies  int // that wait for credit
	partial  int // bytes of messages of which more is to come
	grants   grants

	renewal   *time.Timer // fires when a link may have lost its permission
	nextCheck time.Time   // when that is; zero: it is not set
}

// maxLinks bounds the links of one connection. SDKs that pool devices use up
// to a few for each of about a thousand.
const maxLinks = 5000

func newConn(h *Hub, s *stream, log *slog.Logger) *conn {
	return &conn{
		hub:      h,
		net:      s.Conn,
		socket:   s.socket,
		br:       bufio.NewReader(s.Conn),
		log:      log,
		manners:  gateways[h.options.Gateway],
		in:       make(chan amqpwire.Frame),
		out:      make(chan amqpwire.Frame, 64),
		wake:     make(chan struct{}, 1),
		broken:   make(chan struct{}),
		sessions: make(map[uint16]*session),
	}
}

// serve carries the connection from the first byte to the last. It returns why
// the connection ended, nil if the client closed it in good order.
func (c *conn) serve(ctx context.Context) error {
	defer c.net.Close() //nolint:errcheck // nothing is left to lose
	stop := context.AfterFunc(ctx, func() {
		c.nudge()
		time.AfterFunc(closeGrace, func() { _ = c.net.Close() })
	})
	defer stop()
	if err := c.handshake(ctx); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	var reader, writer sync.WaitGroup
	stopReading := make(chan struct{})
	reader.Go(func() { c.read(stopReading) })
	writer.Go(c.write)
	err := c.run(ctx)
	c.abandonLinks()
	close(c.out)
	writer.Wait()
	c.linger()
	close(stopReading)
	_ = c.net.Close()
	reader.Wait()
	return err
}

// closeGrace is how long a client may take to say goodbye when the hub closes.
const closeGrace = 2 * time.Second

// run is the owner's loop. It ends when the connection does.
func (c *conn) run(ctx context.Context) error {
	c.renewal = time.NewTimer(0)
	c.renewal.Stop()
	defer c.renewal.Stop()
	for {
		var err error
		select {
		case f := <-c.in:
			if closed, ok := f.Body.(*amqpwire.Close); ok && !c.silent.Load() {
				return c.closed(closed)
			}
			err = c.handle(f)
		case <-c.wake:
			c.pump()
		case <-c.renewal.C:
			c.checkPermissions()
		case <-c.broken:
			err = c.failure
		}
		if ctx.Err() != nil {
			c.goAway()
			return nil
		}
		if err != nil {
			c.send(0, &amqpwire.Close{Error: asProtocolError(err)}, nil)
			return err
		}
	}
}

// closed answers the client's close.
func (c *conn) closed(f *amqpwire.Close) error {
	c.send(0, &amqpwire.Close{}, nil)
	if f.Error != nil {
		return fmt.Errorf("closed by the client: %w", f.Error)
	}
	return nil
}

// goAway tells the client that the hub is closing.
func (c *conn) goAway() {
	reason := protocolError(condDetachForced, "The hub is closing.")
	for _, s := range c.sessions {
		for _, l := range s.links {
			l.base().detach(reason)
		}
	}
	c.send(0, &amqpwire.Close{Error: protocolError(condConnectionForced, "The hub is closing.")}, nil)
}

// handle acts on one frame. Its error ends the connection.
func (c *conn) handle(f amqpwire.Frame) error {
	switch {
	case f.SASL:
		return fmt.Errorf("%w: a SASL frame after open", amqpwire.ErrFraming)
	case f.Channel > c.manners.channelMax: // part 2 §2.7.1
		return fmt.Errorf("%w: channel %d is above channel-max", amqpwire.ErrFraming, f.Channel)
	}
	if done, err := c.misbehave(f); done {
		return err
	}
	switch body := f.Body.(type) {
	case nil:
		return nil // a heartbeat
	case *amqpwire.Open:
		return protocolError(condNotAllowed, "The connection is open already.")
	case *amqpwire.Begin:
		return c.begin(f.Channel, body)
	}
	s := c.sessions[f.Channel]
	if s == nil {
		return protocolError(condNotAllowed, "There is no session on channel %d.", f.Channel)
	}
	err := s.handle(f)
	var ended *amqpwire.Error
	if errors.As(err, &ended) {
		// What is wrong with a session ends that session only.
		s.end(ended)
		return nil
	}
	return err
}

// send queues a frame for the writer. It waits while the client is slow to
// read, and gives up with the connection.
func (c *conn) send(channel uint16, body amqpwire.Performative, payload []byte) {
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

// nudge makes the owner look around. It never blocks.
func (c *conn) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// pump lets every link send what has become ready.
func (c *conn) pump() {
	for _, s := range c.sessions {
		s.pump()
	}
}

// abandonLinks lets go of everything that the links held outside of this
// connection. Messages in the client's hands stay locked: it may be back.
func (c *conn) abandonLinks() {
	for _, s := range c.sessions {
		for _, l := range s.links {
			l.end(false)
		}
	}
}
