package localhub

import (
	"strings"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// tokenSink takes the put-token requests of claims-based security (AMQP CBS
// 1.0 working draft), in the dialects of IoT Hub's SDKs.
type tokenSink struct{ session *session }

// accept carries out one request. The reply goes out on the session's $cbs
// receiver when the owner comes round to it, hence after the disposition:
// there is a client that fails if the reply overtakes it.
func (t *tokenSink) accept(in incoming) amqpwire.DeliveryState {
	request, err := amqpwire.DecodeMessage(in.bytes)
	if err != nil {
		return &amqpwire.Rejected{Error: protocolError(condDecodeError, "%v", err)}
	}
	id := propertiesOf(request).MessageID
	if refused := t.session.replies.refuse(id); refused != nil {
		return &amqpwire.Rejected{Error: refused}
	}
	if status, description, answered := t.put(request); answered {
		t.session.replies.add(newReply(status, description), id)
	}
	return &amqpwire.Accepted{}
}

// putToken returns the status of the reply, as HTTP would have it.
func (t *tokenSink) putToken(request *amqpwire.Message) (status int32, description string) {
	c := t.session.conn
	if op := request.ApplicationProperties.String("operation"); op != "put-token" {
		return 400, "Unknown operation " + op + "."
	}
	if kind := request.ApplicationProperties.String("type"); !strings.HasSuffix(kind, ":sastoken") {
		return 400, "Unknown token type " + kind + "."
	}
	text, ok := request.Value.(string)
	if !ok {
		return 400, "The token is not a string."
	}
	g, refused := c.hub.verify(text)
	if refused == nil {
		refused = c.grants.add(g)
	}
	if refused != nil {
		c.log.Info("token refused", "reason", explain(refused))
		return statusOf(refused), explain(refused)
	}
	c.log.Debug("token accepted", "resource", g.resource, "policy", g.policy, "until", g.end.UTC().Format(time.RFC3339))
	c.checkPermissionsAt(g.end) // it may replace one that lived longer
	return 200, "OK"
}

func statusOf(refused *amqpwire.Error) int32 {
	switch refused.Condition {
	case condNotFound:
		return 404
	case condLimitExceeded:
		return 403
	}
	return 401
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

// propertiesOf returns a message's properties, empty if it has none.
func propertiesOf(m *amqpwire.Message) *amqpwire.Properties {
	if m.Properties == nil {
		return new(amqpwire.Properties)
	}
	return m.Properties
}

// login checks the credentials of SASL PLAIN, and adds what they permit to the
// connection's grants. The user is {policy}@sas.root.{hub} or
// {device}@sas.{hub}, the password a token. Source: Microsoft docs,
// iot-hub-amqp-support.
func (c *conn) login(init *amqpwire.SASLInit) *amqpwire.Error {
	if init.Mechanism != "PLAIN" {
		return c.mechanism(init.Mechanism)
	}
	parts := strings.Split(string(init.InitialResponse), "\x00")
	if len(parts) != 3 {
		return refusal(condUnauthorized, codeUnauthorized, "The PLAIN response is malformed.")
	}
	g, refused := c.hub.verify(parts[2])
	if refused != nil {
		return refused
	}
	if !g.isFor(parts[1]) {
		return refusal(condUnauthorized, codeUnauthorized, "The token is not for user %q.", parts[1])
	}
	return c.grants.add(g)
}

// isFor reports whether the grant is that of a PLAIN user. The hub in the
// user's name is not looked at, since the token names it too.
func (g grant) isFor(user string) bool {
	const at = "@sas."
	i := strings.LastIndex(user, at) // an id may hold it as well
	if i <= 0 {
		return false
	}
	name := user[:i]
	if strings.HasPrefix(user[i+len(at):], "root.") {
		return name == g.policy
	}
	return g.policy == "" && g.covers(identity{device: name}.path())
}

func (c *conn) mechanism(m amqpwire.Symbol) *amqpwire.Error {
	switch m {
	case "ANONYMOUS", "EXTERNAL", "MSSBCBS":
		return nil
	}
	return protocolError(condNotImplemented, "SASL mechanism %q is not offered.", m)
}
