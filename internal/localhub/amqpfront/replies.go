package amqpfront

import (
	"crypto/rand"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// replies answer the requests that came on another link of the session, and wait
// for the client to grant credit.
type replies struct {
	client  *Client
	waiting [][]byte                      // encoded
	links   map[*amqpserver.Link]struct{} // on which they go out
}

func newReplies(c *Client) *replies {
	return &replies{client: c, links: make(map[*amqpserver.Link]struct{})}
}

// repliesOf returns the replies of $cbs on a session.
func (c *Client) repliesOf(s *amqpserver.Session) *replies {
	r := c.replies[s]
	if r == nil {
		r = newReplies(c)
		c.replies[s] = r
		s.OnEnd(func() {
			r.drop()
			delete(c.replies, s)
		})
	}
	return r
}

// on lets replies go out on a link.
func (r *replies) on(l *amqpserver.Link) *replies {
	r.links[l] = struct{}{}
	l.OnEnd(func() { delete(r.links, l) })
	return r
}

// maxReplies bounds the replies that wait on one connection.
const maxReplies = 1000

// refuse returns why a request with this id cannot be answered, nil if it can. The
// id goes into the reply, which may have to wait for long.
func (r *replies) refuse(id any) *broker.Refusal {
	switch {
	case r.client.unread >= maxReplies:
		return broker.Refuse(broker.TooManyTokens, "%d replies wait for credit.", maxReplies)
	case len(idString(id)) > maxID:
		return broker.Refuse(broker.BadArgument, "The id of the request is longer than %d bytes.", maxID)
	}
	return nil
}

// add queues the reply to the request with this id, or returns why it must not.
func (r *replies) add(reply *amqpwire.Message, id any) *amqpwire.Error {
	b, err := encodeReply(reply, id)
	if err != nil {
		return amqpserver.Errorf(amqpserver.CondInternalError, "%v", err)
	}
	if refused := r.client.conn.Hold(heldFor(b)); refused != nil {
		return refused
	}
	r.waiting = append(r.waiting, b)
	r.client.unread++
	for l := range r.links { // to wake all would cost a connection of many devices dear
		l.Wake()
	}
	return nil
}

// encodeReply encodes the reply to a request. It carries the request's id in its
// very type, since SDKs compare it by type as well.
func encodeReply(reply *amqpwire.Message, id any) ([]byte, error) {
	reply.Properties = &amqpwire.Properties{CorrelationID: id}
	return reply.Append(nil)
}

// heldFor returns what a reply that waits takes in memory, in bytes.
func heldFor(reply []byte) int { return 64 + cap(reply) }

// Empty reports whether no reply waits.
func (r *replies) Empty() bool { return len(r.waiting) == 0 }

// Next returns the next reply.
func (r *replies) Next() (amqpserver.Outgoing, bool) {
	if r.Empty() {
		return amqpserver.Outgoing{}, false
	}
	payload := r.waiting[0]
	r.waiting[0] = nil // for the garbage collector
	r.waiting = r.waiting[1:]
	r.client.unread--
	r.client.conn.Free(heldFor(payload))
	var tag [16]byte
	_, _ = rand.Read(tag[:]) // documented never to fail
	return amqpserver.Outgoing{Tag: tag[:], Payload: payload}, true
}

// Settle confirms whatever the client says: the hub keeps no reply.
func (*replies) Settle(amqpserver.Settlement) amqpwire.DeliveryState {
	return &amqpwire.Accepted{}
}

// Release does nothing: the hub keeps no reply.
func (*replies) Release([][]byte) {}

// Close does nothing: the replies are the session's, not the link's.
func (*replies) Close() {}

// drop forgets the replies that nobody will read.
func (r *replies) drop() {
	r.client.unread -= len(r.waiting)
	for _, b := range r.waiting {
		r.client.conn.Free(heldFor(b))
	}
	r.waiting = nil
}
