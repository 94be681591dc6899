package amqpfront

import (
	"strconv"
	"strings"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// tokenSink takes the put-token requests of claims-based security (AMQP CBS
// 1.0 working draft), in the dialects of IoT Hub's SDKs.
type tokenSink struct {
	client  *Client
	session *amqpserver.Session
}

// MaxMessageSize is what real hubs announce on $cbs, in bytes. A client's first
// token has less room, see maxUntrusted.
func (*tokenSink) MaxMessageSize() int { return 1048576 }

// TooLarge words the refusal of a longer request.
func (t *tokenSink) TooLarge() *amqpwire.Error { return tooLarge(t.MaxMessageSize()) }

// Accept carries out one request. The reply goes out on the session's $cbs
// receiver when the owner comes round to it, hence after the disposition:
// there is a client that fails if the reply overtakes it.
func (t *tokenSink) Accept(in amqpserver.Incoming) amqpwire.DeliveryState {
	request, err := amqpwire.DecodeMessage(in.Payload)
	if err != nil {
		return notDecoded(err)
	}
	id, replies := propertiesOf(request).MessageID, t.client.repliesOf(t.session)
	if refused := replies.refuse(id); refused != nil {
		return &amqpwire.Rejected{Error: worded(refused)}
	}
	status, description, answered := t.answer(request)
	if !answered {
		return &amqpwire.Accepted{}
	}
	t.client.front.options.Broker.Tell(broker.Event{Kind: broker.EventToken, Detail: strconv.Itoa(int(status))})
	if refused := replies.add(newReply(status, description), id); refused != nil {
		return &amqpwire.Rejected{Error: refused}
	}
	return &amqpwire.Accepted{}
}

// answer returns the status of the reply, as HTTP would have it.
func (t *tokenSink) answer(request *amqpwire.Message) (status int32, description string, answered bool) {
	if faults := t.client.faults; faults != nil {
		if status, answered, strikes := faults.Token(); strikes {
			return status, "The hub was told to fail here.", answered
		}
	}
	status, description = t.putToken(request)
	return status, description, true
}

func (t *tokenSink) putToken(request *amqpwire.Message) (status int32, description string) {
	c := t.client
	if op := request.ApplicationProperties.String("operation"); op != "put-token" {
		return 400, "Unknown operation " + broker.Brief(op) + "."
	}
	if kind := request.ApplicationProperties.String("type"); !knownType(kind) {
		return 400, "Unknown token type " + broker.Brief(kind) + "."
	}
	text, ok := request.Value.(string)
	if !ok {
		return 400, "The token is not a string."
	}
	control := c.front.options.Access
	g, refused := control.Authorize(text, control.Identity(request.ApplicationProperties.String("name")))
	if refused == nil {
		refused = c.grant(g)
	}
	if refused != nil {
		c.conn.Log().Info("token refused", "reason", refused.Message)
		return int32(refused.Code.HTTPStatus()), refused.Message
	}
	c.conn.Log().Debug("token accepted", "resource", broker.Brief(g.Resource), "policy", g.Policy, "until", g.End.UTC().Format(time.RFC3339))
	c.checkAt(g.End) // it may replace one that lived longer
	return 200, "OK"
}

// knownType reports whether a put-token request has a type that an SDK sends: for a
// token of Microsoft Entra ID, C# and Node send that of shared access signatures, Java
// Bearer and Python bearer. What the token is shows in its text.
func knownType(kind string) bool {
	return strings.HasSuffix(kind, ":sastoken") || strings.EqualFold(kind, "bearer")
}

func newReply(status int32, description string) *amqpwire.Message {
	return &amqpwire.Message{
		ApplicationProperties: amqpwire.Map{
			{Key: "status-code", Value: status},
			{Key: "status-description", Value: description},
		},
		Value: amqpwire.Null{},
	}
}
