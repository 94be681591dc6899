package localhub

import (
	"encoding/json"

	"iothub-c2d/internal/amqpwire"
)

// Twins and direct methods are not emulated, yet their links are attached. When
// one link is refused, Microsoft's SDK for Node.js gives up the whole connection
// and does not tell: its device would never hear of messages again. So no
// method is ever called, and each request about the twin is refused by itself.

// twinSink refuses a device's requests about its twin.
type twinSink struct {
	session *session
	device  identity
}

func (t *twinSink) accept(in incoming) amqpwire.DeliveryState {
	request, err := amqpwire.DecodeMessage(in.bytes)
	if err != nil {
		return &amqpwire.Rejected{Error: protocolError(condDecodeError, "%v", err)}
	}
	if r := t.replies(); r != nil && len(r.waiting) < maxReplies {
		r.waiting = append(r.waiting, refuseTwin(request))
		t.session.conn.nudge()
	}
	return &amqpwire.Accepted{}
}

// replies finds where the replies go: to the device's other twin link.
func (t *twinSink) replies() *twinReplies {
	for _, l := range t.session.links {
		if out, ok := l.(*outLink); ok {
			if r, ok := out.source.(*twinReplies); ok && r.device == t.device {
				return r
			}
		}
	}
	return nil
}

// refuseTwin answers as the real hub reports a failure: an HTTP status in an
// annotation, a JSON body. Source: the Node SDK's amqp_twin_client.js.
func refuseTwin(request *amqpwire.Message) *amqpwire.Message {
	body, err := json.Marshal("The local hub does not emulate twins.")
	if err != nil { // a string: cannot happen
		body = nil
	}
	reply := &amqpwire.Message{
		Annotations: amqpwire.Map{{Key: amqpwire.Symbol("status"), Value: int32(501)}},
		Properties:  new(amqpwire.Properties),
		Data:        [][]byte{body},
	}
	if request.Properties != nil {
		reply.Properties.CorrelationID = request.Properties.CorrelationID
	}
	return reply
}

// twinReplies are what a device's twin link has yet to send.
type twinReplies struct {
	device  identity
	waiting []*amqpwire.Message
}

func (r *twinReplies) next() (*amqpwire.Message, lockToken, bool) {
	if len(r.waiting) == 0 {
		return nil, lockToken{}, false
	}
	m := r.waiting[0]
	r.waiting = r.waiting[1:]
	return m, newLockToken(), true
}

func (*twinReplies) settle(lockToken, settlement) error { return nil }

// methods stands behind the links for direct methods, of which none comes.
type methods struct{}

func (methods) accept(incoming) amqpwire.DeliveryState {
	return &amqpwire.Rejected{Error: refusal(condNotImplemented, codeNotImplemented, "The local hub calls no methods.")}
}

func (methods) next() (*amqpwire.Message, lockToken, bool) { return nil, lockToken{}, false }
func (methods) settle(lockToken, settlement) error         { return nil }
