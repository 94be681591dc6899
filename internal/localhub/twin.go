package localhub

import "iothub-c2d/internal/amqpwire"

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
	r := t.replies()
	if r == nil {
		return &amqpwire.Accepted{} // nobody wants to hear of it
	}
	id := propertiesOf(request).CorrelationID
	if refused := r.refuse(id); refused != nil {
		return &amqpwire.Rejected{Error: refused}
	}
	r.add(refuseTwin(), id)
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
func refuseTwin() *amqpwire.Message {
	return &amqpwire.Message{
		Annotations: amqpwire.Map{{Key: amqpwire.Symbol("status"), Value: int32(501)}},
		Data:        [][]byte{[]byte(`"The local hub does not emulate twins."`)},
	}
}

// twinReplies are what a device's twin link has yet to send.
type twinReplies struct {
	replies
	device identity
}

// methods stands behind the links for direct methods, of which none comes.
type methods struct{}

func (methods) accept(incoming) amqpwire.DeliveryState {
	return &amqpwire.Rejected{Error: refusal(condNotImplemented, codeNotImplemented, "The local hub calls no methods.")}
}

func (methods) empty() bool                                { return true }
func (methods) next() (*amqpwire.Message, lockToken, bool) { return nil, lockToken{}, false }
func (methods) settle(lockToken, settlement) error         { return nil }
func (methods) release([]lockToken)                        {}
