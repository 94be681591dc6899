package localhub

import (
	"bytes"

	"iothub-c2d/internal/amqpwire"
)

// replies answer the requests that came on another link, and wait for the
// client to grant credit. They belong to the connection's owner.
type replies struct {
	conn    *conn
	waiting []*amqpwire.Message
}

// maxReplies bounds the replies that wait on one connection.
const maxReplies = 1000

// refuse returns why a request with this id cannot be answered, nil if it can.
// The id goes into the reply, which may have to wait for long.
func (r *replies) refuse(id any) *amqpwire.Error {
	switch {
	case r.conn.replies >= maxReplies:
		return refusal(condLimitExceeded, codeTooManyTokens, "%d replies wait for credit.", maxReplies)
	case len(idString(id)) > maxID:
		return refusal(condArgument, codeBadArgument, "The id of the request is longer than %d bytes.", maxID)
	}
	return nil
}

// add queues the reply to the request with this id. It carries the id in its
// very type, since SDKs compare it by type as well.
func (r *replies) add(reply *amqpwire.Message, id any) {
	if b, ok := id.([]byte); ok {
		id = bytes.Clone(b) // the request's own would keep all of it in memory
	}
	reply.Properties = &amqpwire.Properties{CorrelationID: id}
	r.waiting = append(r.waiting, reply)
	r.conn.replies++
	r.conn.nudge()
}

func (r *replies) empty() bool { return len(r.waiting) == 0 }

func (r *replies) next() (*amqpwire.Message, lockToken, bool) {
	if r.empty() {
		return nil, lockToken{}, false
	}
	m := r.waiting[0]
	r.waiting = r.waiting[1:]
	r.conn.replies--
	return m, newLockToken(), true
}

func (*replies) settle(lockToken, settlement) error { return nil }
func (*replies) release([]lockToken)                {}

// drop forgets the replies that nobody will read.
func (r *replies) drop() {
	r.conn.replies -= len(r.waiting)
	r.waiting = nil
}
