package amqpfront

import (
	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// Twins and direct methods are not emulated, yet their links are attached. When
// one link is refused, Microsoft's SDK for Node.js gives up the whole connection
// and does not tell: its device would never hear of messages again. So no
// method is ever called, and each request about the twin is refused by itself.

// twinSink refuses a device's requests about its twin.
type twinSink struct {
	client  *Client
	session *amqpserver.Session
	device  broker.ID
}

// MaxMessageSize is that of other links, in bytes.
func (*twinSink) MaxMessageSize() int { return maxMessage }

// TooLarge words the refusal of a larger request.
func (t *twinSink) TooLarge() *amqpwire.Error { return tooLarge(t.MaxMessageSize()) }

// Accept takes a request, and has its reply wait on the other twin link.
func (t *twinSink) Accept(in amqpserver.Incoming) amqpwire.DeliveryState {
	request, err := amqpwire.DecodeMessage(in.Payload)
	if err != nil {
		return notDecoded(err)
	}
	r := t.replies()
	if r == nil {
		return &amqpwire.Accepted{} // nobody wants to hear of it
	}
	id := propertiesOf(request).CorrelationID
	if refused := r.refuse(id); refused != nil {
		return &amqpwire.Rejected{Error: worded(refused)}
	}
	if refused := r.add(refuseTwin(), id); refused != nil {
		return &amqpwire.Rejected{Error: refused}
	}
	return &amqpwire.Accepted{}
}

// replies finds where the replies go: to the device's other twin link.
func (t *twinSink) replies() *twinReplies {
	for l := range t.session.Links() {
		if r, ok := l.Source().(*twinReplies); ok && r.device == t.device {
			return r
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
	*replies
	device broker.ID
}

// Close forgets them with their link.
func (t *twinReplies) Close() { t.drop() }

// methods stands behind the links for direct methods, of which none comes.
type methods struct{}

func (methods) MaxMessageSize() int { return maxMessage }

func (methods) Accept(amqpserver.Incoming) amqpwire.DeliveryState {
	return &amqpwire.Rejected{Error: worded(broker.Refuse(broker.NotImplemented, "The local hub calls no methods."))}
}

func (methods) Empty() bool                       { return true }
func (methods) Next() (amqpserver.Outgoing, bool) { return amqpserver.Outgoing{}, false }
func (methods) Release([][]byte)                  {}
func (methods) Close()                            {}
func (methods) Settle(amqpserver.Settlement) amqpwire.DeliveryState {
	return &amqpwire.Accepted{}
}
