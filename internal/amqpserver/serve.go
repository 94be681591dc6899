package amqpserver

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// Serve carries one connection from its first byte to its last, and closes it.
// The handler that open returns decides what the client may do; it is asked for
// before the first byte. Serve returns why the connection ended: nil if the
// client closed it in good order, or if ctx ended while it was open, of which
// the client is told.
func Serve(ctx context.Context, nc net.Conn, open func(*Conn) Handler, o *Options) error {
	c := newConn(nc, o)
	c.handler = open(c)
	return c.serve(ctx)
}

func newConn(nc net.Conn, o *Options) *Conn {
	options := o.withDefaults()
	c := &Conn{
		options:       options,
		net:           nc,
		br:            bufio.NewReader(nc),
		log:           options.Logger,
		in:            make(chan arrival),
		out:           make(chan amqpwire.Frame, 64),
		taken:         make(chan struct{}, 1),
		broken:        make(chan struct{}),
		wakes:         newWakes(),
		peerFrameSize: amqpwire.MinMaxFrameSize,
		sessions:      make(map[uint16]*Session),
		alarm:         time.NewTimer(0),
	}
	c.alarm.Stop()
	if options.Untrusted == 0 {
		c.Trust()
	}
	return c
}

func (c *Conn) serve(ctx context.Context) error {
	defer c.net.Close() //nolint:errcheck // nothing is left to lose
	defer c.alarm.Stop()
	defer func() { c.delayed.stop() }()
	defer func() { c.Free(c.held) }()
	stop := context.AfterFunc(ctx, func() {
		c.wakes.nudge()
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
	c.abandon()
	close(c.out)
	writer.Wait()
	c.linger()
	close(stopReading)
	_ = c.net.Close()
	reader.Wait()
	return err
}

// closeGrace is how long a client may take to say goodbye when ctx ends.
const closeGrace = 2 * time.Second

// hearing returns where frames come from. The server hears nothing more of a client
// to which it owes too much, or of which a frame waits, or when it is to end.
func (c *Conn) hearing(ctx context.Context) <-chan arrival {
	if c.debt.tooMuch() || c.delayed.timer != nil || ctx.Err() != nil {
		return nil
	}
	return c.in
}

// run is the owner's loop. It ends when the connection does.
func (c *Conn) run(ctx context.Context) error {
	for {
		var err error
		select {
		case a := <-c.hearing(ctx):
			var closed *amqpwire.Close
			if closed, err = c.hear(a); closed != nil {
				return c.closed(closed)
			}
		case <-c.delayed.due():
			err = c.handle(c.delayed.take())
		case <-c.wakes.signal:
			c.look()
		case <-c.alarm.C:
			c.onAlarm()
		case <-c.broken:
			if err = c.failure; ctx.Err() == nil {
				c.lost(err)
			}
		}
		c.settle()
		if ctx.Err() != nil && c.debt.results == 0 {
			c.goAway()
			return nil
		}
		if err != nil {
			c.send(0, &amqpwire.Close{Error: toldPeer(err)}, nil)
			return err
		}
		if !c.trusted.Load() {
			c.catchUp(ctx)
		}
	}
}

// hear acts on what has come. A close is left to the caller.
func (c *Conn) hear(a arrival) (*amqpwire.Close, error) {
	f, err := a.frame()
	if err != nil {
		return nil, err
	}
	closed, ok := f.Body.(*amqpwire.Close)
	switch {
	case ok && !c.silent.Load():
		return closed, nil
	case c.delay(f):
		return nil, nil
	}
	return nil, c.handle(f)
}

// catchUp waits until the writer has taken all answers: those that an untrusted
// client does not read must not pile up.
func (c *Conn) catchUp(ctx context.Context) {
	for len(c.out) > 0 {
		select {
		case <-c.taken:
		case <-c.broken:
			return
		case <-ctx.Done():
			return
		}
	}
}

// closed answers the client's close.
func (c *Conn) closed(f *amqpwire.Close) error {
	c.send(0, &amqpwire.Close{}, nil)
	if f.Error == nil {
		return nil
	}
	err := fmt.Errorf("closed by the client: %w", briefError(f.Error))
	c.lost(err)
	return err
}

// lost tells all links that the client has not ended them in good order.
func (c *Conn) lost(why error) {
	if c.silent.Load() {
		return // it is the server that has
	}
	for l := range c.Links() {
		l.lost(why)
	}
}

// goAway tells the client that the server is closing. Messages in its hands
// are not given back: what it says of them may be on its way.
func (c *Conn) goAway() {
	reason := Errorf(CondDetachForced, "%s", c.options.Goodbye)
	for l := range c.Links() {
		l.sayDetach(reason)
	}
	c.send(0, &amqpwire.Close{Error: Errorf(CondConnectionForced, "%s", c.options.Goodbye)}, nil)
}

// abandon lets go of everything that sessions and links hold outside of this
// connection. Messages in the client's hands are not given back: it may return
// and settle them.
func (c *Conn) abandon() {
	for _, s := range c.sessions {
		for _, l := range s.links {
			l.finish(false)
		}
		s.over()
	}
}
