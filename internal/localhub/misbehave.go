package localhub

import (
	"errors"
	"strconv"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/faultnet"
)

// errDropped ends a connection without a word.
var errDropped = errors.New("dropped on purpose")

// misbehave carries out the faults that strike at a frame. It reports whether
// that is all that is to be done about the frame.
func (c *conn) misbehave(f amqpwire.Frame) (done bool, err error) {
	if f.Body == nil {
		return c.silent.Load(), nil
	}
	if _, hole := c.strikes(FaultBlackHole); hole {
		c.silent.Store(true)
	}
	if c.silent.Load() {
		return true, nil
	}
	if _, drop := c.strikes(FaultDrop); drop {
		c.silent.Store(true) // what waits to be written does not go out either
		faultnet.NewConn(c.socket, 0).Cut(faultnet.Reset)
		return true, errDropped
	}
	if value, strikes := c.strikes(FaultClose); strikes {
		return true, closing(value)
	}
	s := c.sessions[f.Channel]
	if s == nil || s.ended {
		return false, nil
	}
	if value, strikes := c.strikes(FaultEndSession); strikes {
		s.end(onPurpose(value, condInternalError))
		return true, nil
	}
	if l := s.concerned(f.Body); l != nil {
		if value, strikes := c.strikes(FaultDetach); strikes {
			l.end(true)
			l.base().detach(onPurpose(value, condDetachForced))
		}
	}
	return false, nil
}

// concerned returns the link that a frame is about: one that is attached, and
// not for authentication.
func (s *session) concerned(body amqpwire.Performative) link {
	var l link
	switch body := body.(type) {
	case *amqpwire.Transfer:
		l = s.links[body.Handle]
	case *amqpwire.Flow:
		if body.Handle != nil {
			l = s.links[*body.Handle]
		}
	case *amqpwire.Disposition:
		if d, ok := s.unsettled[body.First]; ok {
			l = d.link
		}
	}
	if l == nil || l.base().gone || l.base().need == (need{}) {
		return nil
	}
	return l
}

// refuseOnPurpose refuses a link that there is no reason to refuse.
func (c *conn) refuseOnPurpose(ep endpoint) *amqpwire.Error {
	if ep.kind == cbsEndpoint {
		return nil
	}
	if value, strikes := c.strikes(FaultRefuseAttach); strikes {
		return onPurpose(value, condInternalError)
	}
	return nil
}

// put answers a request for authentication, unless that is withheld.
func (t *tokenSink) put(request *amqpwire.Message) (status int32, description string, answered bool) {
	c := t.session.conn
	value, strikes := c.strikes(FaultRefuseAuth)
	switch {
	case strikes && value == noAnswer:
		return 0, "", false
	case strikes:
		status, description = authStatus(value), "The hub was told to fail here."
	default:
		status, description = t.putToken(request)
	}
	c.hub.tell(Event{Kind: EventToken, Detail: strconv.Itoa(int(status))})
	return status, description, true
}

// accept passes a message on to the sink, unless it is refused on purpose. It
// reports whether the answer may go out.
func (l *inLink) accept(m incoming) (state amqpwire.DeliveryState, answer bool) {
	if _, ours := l.sink.(*c2dSink); !ours {
		return l.sink.accept(m), true
	}
	c := l.session.conn
	if value, strikes := c.strikes(FaultRefuseSend); strikes {
		state = &amqpwire.Rejected{Error: onPurpose(value, condInternalError)}
	} else {
		state = l.sink.accept(m)
	}
	_, withheld := c.strikes(FaultWithholdDisposition)
	return state, !withheld
}

// miserly reports whether credit on the link is withheld.
func (l *inLink) miserly() bool {
	if _, ours := l.sink.(*c2dSink); !ours {
		return false
	}
	_, strikes := l.session.conn.strikes(FaultWithholdCredit)
	return strikes
}

// unheard reports whether the device's word on one of its deliveries is lost.
func (d delivery) unheard() bool {
	if _, device := d.link.source.(*deviceSource); !device {
		return false
	}
	_, strikes := d.link.session.conn.strikes(FaultLoseDisposition)
	return strikes
}

// unanswered reports whether the answer to a device's settlement is withheld.
func (l *outLink) unanswered() bool {
	if _, device := l.source.(*deviceSource); !device {
		return false
	}
	_, strikes := l.session.conn.strikes(FaultWithholdDisposition)
	return strikes
}

// hasten makes the lock on a delivery run out early if a fault says so.
func (l *outLink) hasten(token lockToken) {
	source, device := l.source.(*deviceSource)
	if !device {
		return
	}
	if value, strikes := l.session.conn.strikes(FaultExpireLocks); strikes {
		source.box.queue.shorten(token, lockOnPurpose(value))
	}
}

// shorten lets the lock that token names end after d.
func (q *queue) shorten(token lockToken, d time.Duration) {
	q.update(func(now time.Time) {
		if e := q.locked[token]; e != nil {
			e.lockedUntil = now.Add(d)
			q.due(e.lockedUntil)
		}
	})
}
