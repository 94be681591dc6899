package localhub

import (
	"time"

	"iothub-c2d/internal/amqpwire"
)

// need returns the permission that a link to the endpoint lives by.
func (e endpoint) need() need {
	switch e.kind {
	case c2dEndpoint, feedbackEndpoint:
		return need{permission: ServiceConnect}
	case receiveEndpoint, telemetryEndpoint, twinEndpoint, methodsEndpoint:
		return need{permission: DeviceConnect, path: e.target.path()}
	}
	return need{}
}

// forever stands for permissions that do not end with a token.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// permitted returns until when the connection may do what n asks: the zero
// time if it may not.
func (c *conn) permitted(n need) time.Time {
	if n.permission == 0 {
		return forever
	}
	end := c.grants.until(n.permission, n.path)
	if n.permission == DeviceConnect {
		end = later(end, c.credential.until(n.path))
	}
	return end
}

// refuse returns why the connection must not have the link, nil if it may.
func (c *conn) refuse(a *amqpwire.Attach, ep endpoint) *amqpwire.Error {
	clientSends := a.Role == amqpwire.RoleSender
	switch {
	case a.Target != nil && a.Target.Coordinator:
		return refusal(condNotImplemented, codeNotImplemented, "The local hub has no transactions.")
	case ep.kind == foreignEndpoint:
		return refusal(condNotImplemented, codeNotImplemented, "The local hub does not emulate %q.", address(a))
	case ep.kind == unknownEndpoint, !ep.serves(clientSends):
		return refusal(condNotFound, codeAddressNotFound, "The link address '%s' did not match any of the expected formats.", address(a))
	case c.permitted(ep.need()).IsZero():
		return refusal(condUnauthorized, codeUnauthorized, "No token or certificate on this connection permits %q.%s", address(a), c.credential.remark)
	}
	if ep.target != (identity{}) {
		_, refused := c.hub.mailbox(ep.target)
		return refused
	}
	return nil
}

// serves reports whether links of the given direction make sense.
func (e endpoint) serves(clientSends bool) bool {
	switch e.kind {
	case cbsEndpoint, twinEndpoint, methodsEndpoint:
		return true
	case c2dEndpoint, telemetryEndpoint:
		return clientSends
	}
	return !clientSends
}

// The largest encoded messages that links take, in bytes. The limits on their
// content are smaller and are checked by the sinks.
const (
	maxMessage   = 262144
	maxPutToken  = 1048576 // as announced by real hubs
	maxTelemetry = 262144
)

// sink returns what takes the messages of a link to the endpoint.
func (s *session) sink(ep endpoint) (sink, int) {
	switch ep.kind {
	case cbsEndpoint:
		return &tokenSink{s}, maxPutToken
	case telemetryEndpoint:
		return &telemetrySink{s.conn.hub, s.conn.log, ep.target}, maxTelemetry
	case twinEndpoint:
		return &twinSink{s, ep.target}, maxMessage
	case methodsEndpoint:
		return methods{}, maxMessage
	}
	return &c2dSink{s.conn.hub, s.conn.log}, maxMessage
}

// source returns what a link to the endpoint sends, and how to let go of it.
func (s *session) source(ep endpoint, l *outLink) (source, func()) {
	hub, wake := s.conn.hub, s.conn.nudge
	switch ep.kind {
	case cbsEndpoint:
		return &s.replies, func() {}
	case feedbackEndpoint:
		stop := hub.feedback.queue.subscribe(wake)
		return feedbackSource{hub.feedback.queue}, stop
	case twinEndpoint:
		r := &twinReplies{replies{conn: s.conn}, ep.target}
		return r, r.drop
	case methodsEndpoint:
		return methods{}, func() {}
	}
	m, _ := hub.mailbox(ep.target) // refuse has made sure of it
	if displaced := m.claim(l); displaced != nil {
		displaced.displace()
	}
	stop := m.queue.subscribe(wake)
	return &deviceSource{m.queue, hub, m}, func() {
		stop()
		m.leave(l)
	}
}

// deviceSource sends a device its messages, stamped by the hub.
type deviceSource struct {
	*queue
	hub *Hub
	box *mailbox
}

func (d *deviceSource) next() (*amqpwire.Message, lockToken, bool) {
	e, token, ok := d.take()
	if !ok {
		return nil, token, false
	}
	d.hub.tellOf(d.box, &e, EventDelivered, "")
	m := *e.message
	m.Annotations = append(m.Annotations[:len(m.Annotations):len(m.Annotations)],
		amqpwire.Pair{Key: sequenceNumber, Value: e.sequence},
		amqpwire.Pair{Key: enqueuedTime, Value: amqpwire.NewTimestamp(e.enqueued)},
		amqpwire.Pair{Key: deliveryCount, Value: uint8(min(e.deliveryCount, 255))},
	)
	return &m, token, true
}

// The annotations that the hub stamps on messages.
const (
	sequenceNumber amqpwire.Symbol = "x-opt-sequence-number"
	enqueuedTime   amqpwire.Symbol = "iothub-enqueuedtime"
	deliveryCount  amqpwire.Symbol = "iothub-deliverycount"
)

// feedbackSource sends the back end its feedback.
type feedbackSource struct{ *queue }

func (f feedbackSource) next() (*amqpwire.Message, lockToken, bool) {
	e, token, ok := f.take()
	if !ok {
		return nil, token, false
	}
	m := *e.message
	m.Annotations = amqpwire.Map{{Key: enqueuedTime, Value: amqpwire.NewTimestamp(e.enqueued)}}
	return &m, token, true
}
