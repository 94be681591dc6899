package localhub

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
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

	peer     amqpwire.Open
	sessions map[uint16]*session // by channel, the same in both directions
	links    int
	grants   grants
	renewal  *time.Timer // fires when a link may have lost its permission
}

// maxLinks bounds the links of one connection. SDKs that pool devices use up
// to a few for each of about a thousand.
const maxLinks = 5000

func newConn(h *Hub, c net.Conn, log *slog.Logger) *conn {
	return &conn{
		hub:      h,
		net:      c,
		br:       bufio.NewReader(c),
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

// handshake gets as far as an open connection, within handshakeTimeout.
func (c *conn) handshake(ctx context.Context) error {
	abort := context.AfterFunc(ctx, func() { _ = c.net.Close() })
	defer abort()
	if err := c.net.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return err
	}
	header, err := c.readHeader()
	if err != nil {
		return err
	}
	if header == amqpwire.HeaderSASL {
		if err := c.sasl(); err != nil {
			return err
		}
		if header, err = c.readHeader(); err != nil {
			return err
		}
	}
	// Either way the answer is the header that the hub wants (part 2 §2.2).
	if _, err := c.net.Write(amqpwire.HeaderAMQP[:]); err != nil {
		return err
	}
	if header != amqpwire.HeaderAMQP {
		return errors.New(otherAMQP(header))
	}
	if err := c.open(); err != nil {
		return err
	}
	return c.net.SetDeadline(time.Time{})
}

func (c *conn) readHeader() (header amqpwire.ProtocolHeader, err error) {
	_, err = io.ReadFull(c.br, header[:])
	return header, err
}

// open exchanges the open performatives.
func (c *conn) open() error {
	f, err := amqpwire.ReadFrame(c.br, c.manners.maxFrameSize)
	if err != nil {
		return err
	}
	peer, ok := f.Body.(*amqpwire.Open)
	if !ok {
		return fmt.Errorf("%T where open is expected", f.Body)
	}
	c.peer = *peer
	c.log = c.log.With("container", peer.ContainerID)
	return c.writeFrame(amqpwire.Frame{Body: c.manners.open()})
}

// writeFrame sends one frame itself, before there is a writer.
func (c *conn) writeFrame(f amqpwire.Frame) error {
	b, err := amqpwire.AppendFrame(nil, f)
	if err != nil {
		return err
	}
	_, err = c.net.Write(b)
	return err
}

// run is the owner's loop. It ends when the connection does.
func (c *conn) run(ctx context.Context) error {
	c.renewal = time.NewTimer(0)
	c.renewal.Stop()
	defer c.renewal.Stop()
	for {
		var err error
		select {
		case f := <-c.in:
			if closed, ok := f.Body.(*amqpwire.Close); ok {
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

// linger waits a moment for the client to close its side, so that the last
// frames are not lost to a reset.
func (c *conn) linger() {
	timeout := time.NewTimer(time.Second)
	defer timeout.Stop()
	for {
		select {
		case <-c.in:
		case <-c.broken:
			return
		case <-timeout.C:
			return
		}
	}
}

// read is the reader's goroutine. It ends with the stream, or at stop.
func (c *conn) read(stop <-chan struct{}) {
	for {
		err := c.net.SetReadDeadline(time.Now().Add(time.Duration(idleTimeOut) * time.Millisecond))
		if err != nil {
			c.giveUp(err)
			return
		}
		f, err := amqpwire.ReadFrame(c.br, c.manners.maxFrameSize)
		if err != nil {
			c.giveUp(err)
			return
		}
		select {
		case c.in <- f:
		case <-stop:
			return
		}
	}
}

func (c *conn) giveUp(err error) {
	c.fail.Do(func() {
		if errors.Is(err, io.EOF) {
			err = errors.New("the client hung up without closing")
		}
		c.failure = err
		close(c.broken)
	})
}
