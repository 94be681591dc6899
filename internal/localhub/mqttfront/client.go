package mqttfront

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/mqttwire"
)

// client is one connection that was let in. All but [client.Displace] runs on its
// owner goroutine.
type client struct {
	front   *Front
	conn    *conn
	log     *slog.Logger
	mailbox *broker.Mailbox
	over    broker.Connection
	topics  topics

	permitted *permission
	presence  *broker.Presence
	patience  time.Duration // how long it may be silent
	will      bool          // its end without DISCONNECT is telemetry

	session *session
	present bool                    // the session is an old one
	clean   bool                    // the filters end with the connection
	filters map[string]mqttwire.QoS // what the client has subscribed to
	wake    chan struct{}           // one place: a message may be ready
}

func newClient(f *Front, c *conn, m *broker.Mailbox, log *slog.Logger) *client {
	return &client{
		front:   f,
		conn:    c,
		log:     log.With("device", m.ID.String()),
		mailbox: m,
		topics:  topicsOf(m.ID),
		session: sessionOf(m),
		filters: make(map[string]mqttwire.QoS),
		wake:    make(chan struct{}, 1),
	}
}

// Why the hub, or the client, ends a connection.
var (
	errDisplaced    = errors.New("another client has connected for this device")
	errExpired      = errors.New("the token or certificate has expired")
	errDisconnected = errors.New("the client has said goodbye")
)

// Displace ends the connection, from any goroutine: another has taken over, over
// MQTT or not.
func (c *client) Displace() { c.conn.giveUp(errDisplaced) }

// serve welcomes the client, and serves it to the end.
func (c *client) serve(ctx context.Context) error {
	cancel := c.mailbox.Subscribe(c.nudge)
	c.conn.start(c.patience)
	err := c.run(ctx)
	cancel()
	c.leave(err)
	c.conn.close()
	if errors.Is(err, errDisconnected) {
		return nil
	}
	return err
}

// nudge has the owner look for messages, from any goroutine.
func (c *client) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run is the owner's loop. It ends when the connection does.
func (c *client) run(ctx context.Context) error {
	until := c.permitted.until()
	expiry := time.NewTimer(time.Until(until))
	defer expiry.Stop()
	err := c.conn.send(&mqttwire.ConnAck{SessionPresent: c.present})
	c.log.Debug("device connected", "session present", c.present, "until", until.UTC().Format(time.RFC3339))
	c.nudge() // messages may wait for a session that was taken up
	for err == nil {
		select {
		case r := <-c.conn.in:
			err = c.handle(r.packet)
			c.conn.account.give(r.cost)
		case <-c.wake:
			err = c.pump()
		case <-expiry.C:
			err = errExpired
		case <-c.conn.broken:
			err = c.conn.failure
		case <-ctx.Done():
			return nil
		}
	}
	return err
}

// leave lets go of the device. Messages that the client has not acknowledged stay
// locked, since it may come back and do so, but not if the hub has sent it away.
func (c *client) leave(err error) {
	var expelled *broker.Refusal
	if c.will && !errors.Is(err, errDisconnected) {
		c.takeTelemetry("will")
	}
	if errors.Is(err, errDisplaced) || errors.Is(err, errExpired) || errors.As(err, &expelled) {
		c.mailbox.Release(c.session.tokens())
	}
	c.depart()
	<-c.session.turn
}

// handle acts on one packet. Its error ends the connection: MQTT 3.1.1 has no
// other answer to what a client does wrong (§4.8).
func (c *client) handle(p mqttwire.Packet) error {
	switch p := p.(type) {
	case *mqttwire.Publish:
		return c.publish(p)
	case *mqttwire.PubAck:
		return c.acknowledge(p)
	case *mqttwire.Subscribe:
		return c.subscribe(p)
	case *mqttwire.Unsubscribe:
		return c.unsubscribe(p)
	case *mqttwire.PingReq:
		return c.conn.send(&mqttwire.PingResp{})
	case *mqttwire.Disconnect:
		return errDisconnected
	}
	return fmt.Errorf("the client sent a %T, which it must not", p)
}
