package mqttfront

import (
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/mqttwire"
)

// session is what the hub remembers of a device between two connections, besides
// the filters, which the mailbox keeps (§4.1). The connection that has the turn
// owns it.
type session struct {
	turn     chan struct{} // has room for one: who puts something in has the turn
	sent     map[uint16]*sent
	lastID   uint16 // the packet id that was given last
	reported int    // version of the twin's reported properties
}

// sent is a message that was sent with a packet id, and not acknowledged.
type sent struct {
	sequence uint64           // tells it when it comes again
	token    broker.LockToken // of the last delivery; it may be lost
}

// sessionOf returns the session of a device or module, which ends with it.
func sessionOf(m *broker.Mailbox) *session {
	return m.Memory(func() any {
		return &session{
			turn: make(chan struct{}, 1), sent: make(map[uint16]*sent), reported: 1,
			// Not from 1: what a client has to say of packets that another hub sent, before a
			// restart, must not be taken for something else.
			lastID: uint16(rand.Uint32()), //nolint:gosec // G404: it is no secret
		}
	}).(*session)
}

// tokens returns the locks of the messages that are not acknowledged.
func (s *session) tokens() (tokens []broker.LockToken) {
	for _, m := range s.sent {
		tokens = append(tokens, m.token)
	}
	return tokens
}

// hold returns the packet id of a message: that which it had before, if it comes
// again (§4.4).
func (s *session) hold(d broker.Delivery) (id uint16, again bool) {
	for id, m := range s.sent {
		if m.sequence == d.Sequence {
			m.token = d.Token
			return id, true
		}
	}
	id = s.newID()
	s.sent[id] = &sent{d.Sequence, d.Token}
	return id, false
}

// newID returns a packet id that is not in use.
func (s *session) newID() uint16 {
	for {
		s.lastID++
		if s.lastID != 0 && s.sent[s.lastID] == nil {
			return s.lastID
		}
	}
}

// forget ends what is known of messages by tokens that are lost for good.
func (s *session) forget(lost []broker.LockToken) {
	maps.DeleteFunc(s.sent, func(_ uint16, m *sent) bool { return slices.Contains(lost, m.token) })
}

// takeOver makes the client the one receiver of its device, waits until the one
// before it has let go of the session, and takes that up, or begins a new one.
func (c *client) takeOver(ctx context.Context, clean bool) error {
	c.presence = c.mailbox.Enter(c.over, func(why *broker.Refusal) { c.conn.giveUp(why) })
	c.mailbox.Claim(c)
	err := c.wait(ctx)
	if err != nil {
		c.depart()
		return err
	}
	until := c.permitted.until() // the registry may have changed meanwhile
	if until.IsZero() {
		err = refuse(mqttwire.NotAuthorized, c.permitted.refuse(c.mailbox.ID).Message)
	} else if failed := c.resume(clean); failed != nil {
		err = refusef(mqttwire.Unavailable, "the session cannot be kept: %v", failed)
	}
	if err != nil {
		c.depart()
		<-c.session.turn
	}
	return err
}

// wait waits for the turn.
func (c *client) wait(ctx context.Context) error {
	select {
	case c.session.turn <- struct{}{}:
		return nil
	case <-c.conn.broken: // another has come already
		return c.conn.failure
	case <-ctx.Done():
		return ctx.Err()
	}
}

// depart tells the broker that the client is no longer there.
func (c *client) depart() {
	c.mailbox.Leave(c)
	c.presence.Leave()
}

// resume takes up what is kept of the device, or forgets it. Messages that the
// device has not acknowledged are ready again at once (§4.4).
func (c *client) resume(clean bool) error {
	c.mailbox.Release(c.session.tokens())
	kept := c.mailbox.Session()
	if !clean && kept != nil {
		c.present = true
		return json.Unmarshal(kept, &c.filters)
	}
	clear(c.session.sent)
	c.clean = clean
	if clean {
		return c.mailbox.KeepSession(nil)
	}
	return c.keep(c.filters)
}

// keep keeps the filters, if the session is to outlive the connection.
func (c *client) keep(filters map[string]mqttwire.QoS) error {
	if c.clean {
		return nil
	}
	kept, err := json.Marshal(filters)
	if err != nil { // texts and numbers: cannot happen
		return err
	}
	return c.mailbox.KeepSession(kept)
}
