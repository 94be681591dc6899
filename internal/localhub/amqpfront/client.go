package amqpfront

import (
	"strings"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/broker"
)

// Client is one connection to the hub: what it has been permitted, and what
// stands behind its links.
type Client struct {
	front      *Front
	conn       *amqpserver.Conn
	over       broker.Connection
	credential access.Credential // the client's certificate; never changes
	grants     access.Grants
	replies    map[*amqpserver.Session]*replies // of $cbs
	unread     int                              // replies that wait for credit
	faults     Faults                           // nil on a healthy hub

	nextCheck time.Time // when a link may have lost its permission; zero: no check is planned
	pace      pace
}

func (f *Front) newClient(conn *amqpserver.Conn, s Stream) *Client {
	c := &Client{
		front:      f,
		conn:       conn,
		over:       s.Over,
		credential: f.options.Access.Examine(s.Certificates),
		replies:    make(map[*amqpserver.Session]*replies),
	}
	if f.options.Faults != nil {
		c.faults = f.options.Faults(conn, s.Socket)
	}
	return c
}

// grant adds what a token permits to what the connection has been permitted.
func (c *Client) grant(g access.Grant) *broker.Refusal {
	c.conn.Trust()
	before := c.grants.Size()
	if refused := c.grants.Add(g); refused != nil {
		return refused
	}
	if refused := c.conn.Hold(c.grants.Size() - before); refused != nil {
		c.grants = c.grants[:len(c.grants)-1]
		return broker.Refuse(broker.TooManyTokens, "%s", refused.Description)
	}
	return nil
}

// Login checks the credentials of a SASL layer, and adds what they permit to the
// connection's grants. Only PLAIN proves anything: its password is a token. After
// the other mechanisms the client has still to put one. Source: Microsoft docs,
// iot-hub-amqp-support.
func (c *Client) Login(mechanism amqpwire.Symbol, response []byte) *amqpwire.Error {
	switch mechanism {
	case "PLAIN":
		return worded(c.plain(string(response)))
	case "ANONYMOUS", "EXTERNAL", "MSSBCBS":
		return nil
	}
	return amqpserver.Errorf(amqpserver.CondNotImplemented, "SASL mechanism %q is not offered.", mechanism)
}

func (c *Client) plain(response string) *broker.Refusal {
	parts := strings.Split(response, "\x00")
	if len(parts) != 3 {
		return broker.Refuse(broker.Unauthorized, "The PLAIN response is malformed.")
	}
	g, refused := c.front.options.Access.Login(parts[1], parts[2])
	if refused != nil {
		return refused
	}
	return c.grant(g)
}

// Sink returns what takes the messages of a link, or why there is none.
func (c *Client) Sink(l *amqpserver.Link, a *amqpwire.Attach) (amqpserver.Sink, *amqpwire.Error) {
	ep := parseEndpoint(l.Address())
	if refused := c.attach(l, a, ep); refused != nil {
		return nil, refused
	}
	switch ep.kind {
	case cbsEndpoint:
		return &tokenSink{c, l.Session()}, nil
	case telemetryEndpoint:
		mailbox, refused := c.front.options.Broker.Mailbox(ep.target)
		return &telemetrySink{c, mailbox}, worded(refused)
	case twinEndpoint:
		return &twinSink{c, l.Session(), ep.target}, nil
	case methodsEndpoint:
		return methods{}, nil
	}
	sink := amqpserver.Sink(&c2dSink{c})
	if c.faults != nil {
		sink = c.faults.Sink(sink)
	}
	return sink, nil
}

// Source returns what a link sends to the client, or why there is nothing.
func (c *Client) Source(l *amqpserver.Link, a *amqpwire.Attach) (amqpserver.Source, *amqpwire.Error) {
	ep := parseEndpoint(l.Address())
	if refused := c.attach(l, a, ep); refused != nil {
		return nil, refused
	}
	switch ep.kind {
	case cbsEndpoint:
		return c.repliesOf(l.Session()).on(l), nil
	case feedbackEndpoint:
		return newFeedbackSource(c, l), nil
	case twinEndpoint:
		return &twinReplies{newReplies(c).on(l), ep.target}, nil
	case methodsEndpoint:
		return methods{}, nil
	}
	mailbox, refused := c.front.options.Broker.Mailbox(ep.target)
	if refused != nil {
		return nil, worded(refused)
	}
	source := newDeviceSource(l, mailbox)
	if c.faults != nil {
		return c.faults.Source(source), nil
	}
	return source, nil
}

// attach returns why the connection must not have the link, nil if it may.
func (c *Client) attach(l *amqpserver.Link, a *amqpwire.Attach, ep endpoint) *amqpwire.Error {
	if refused := c.refuse(l, a, ep); refused != nil {
		return worded(refused)
	}
	if c.faults != nil && ep.kind != cbsEndpoint {
		if refused := c.faults.Attach(); refused != nil {
			return refused
		}
	}
	if refused := c.enter(l, ep); refused != nil {
		return worded(refused)
	}
	if ep.kind != cbsEndpoint {
		c.conn.Trust() // a certificate shows its worth only now
	}
	c.front.options.Broker.Tell(broker.Event{Kind: broker.EventAttached, Device: ep.target.String(), Detail: l.Address()})
	c.checkAt(c.permitted(ep.need()))
	return nil
}

// enter tells the broker that there is a link of a device now, until the link ends.
// The broker ends it when the device must go.
func (c *Client) enter(l *amqpserver.Link, ep endpoint) *broker.Refusal {
	if ep.target == (broker.ID{}) {
		return nil
	}
	mailbox, refused := c.front.options.Broker.Mailbox(ep.target)
	if refused != nil {
		return refused
	}
	p := mailbox.Enter(c.over, func(why *broker.Refusal) { l.Interrupt(worded(why)) })
	l.OnEnd(p.Leave)
	c.pace.connect(l, ep.target.Device)
	if c.permitted(ep.need()).IsZero() { // the registry has changed meanwhile
		p.Leave()
		return c.unpermitted(l, ep)
	}
	return nil
}

func (c *Client) refuse(l *amqpserver.Link, a *amqpwire.Attach, ep endpoint) *broker.Refusal {
	clientSends := a.Role == amqpwire.RoleSender
	switch {
	case a.Target != nil && a.Target.Coordinator:
		return broker.Refuse(broker.NotImplemented, "The local hub has no transactions.")
	case ep.kind == foreignEndpoint:
		return broker.Refuse(broker.NotImplemented, "The local hub does not emulate %q.", l.Address())
	case ep.kind == unknownEndpoint, !ep.serves(clientSends):
		return broker.Refuse(broker.AddressNotFound, "The link address '%s' did not match any of the expected formats.", l.Address())
	case c.permitted(ep.need()).IsZero():
		return c.unpermitted(l, ep)
	}
	return c.throttled(ep)
}

// unpermitted words why the connection is not permitted to have a link.
func (c *Client) unpermitted(l *amqpserver.Link, ep endpoint) *broker.Refusal {
	if refused := c.grants.Suspended(ep.need()); refused != nil {
		return refused
	}
	return broker.Refuse(broker.Unauthorized, "No token or certificate on this connection permits %q.%s", l.Address(), c.credential.Remark())
}

// forever stands for permissions that do not end with a token.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// permitted returns until when the connection may do what n asks: the zero
// time if it may not.
func (c *Client) permitted(n access.Need) time.Time {
	if n == (access.Need{}) {
		return forever
	}
	token, certificate := c.grants.Until(n), c.credential.Until(n)
	if certificate.After(token) {
		return certificate
	}
	return token
}

// checkAt has the permissions of all links checked at the given time, or at the
// earlier one that is set already. A check that comes too early does no harm, so
// a permission that was extended needs no new time.
func (c *Client) checkAt(t time.Time) {
	if t.IsZero() || !c.nextCheck.IsZero() && !t.Before(c.nextCheck) {
		return
	}
	c.nextCheck = t
	c.setAlarm()
}

// check detaches the links whose token has expired.
func (c *Client) check() {
	c.nextCheck = time.Time{}
	for l := range c.conn.Links() {
		if l.Gone() {
			continue
		}
		end := c.permitted(parseEndpoint(l.Address()).need())
		if end.IsZero() {
			l.Detach(worded(broker.Refuse(broker.Unauthorized, "The token or certificate has expired.")))
		}
		c.checkAt(end)
	}
}
