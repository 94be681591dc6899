package conformance

import (
	"context"
	"fmt"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/sas"
)

// login is connect, with a token for a resource that must be taken.
func (t *trial) login(ctx context.Context, token sas.Token) *peer {
	p := t.connect(ctx)
	p.mustPut(ctx, token)
	return p
}

func (p *peer) mustPut(ctx context.Context, token sas.Token) {
	if status := p.putToken(ctx, token.Reveal(), token.RawResource()); status != "200" {
		p.trial.stop("the token was refused with %s", status)
	}
}

// putToken shows a token for claims-based security (AMQP CBS 1.0 working draft), on
// links for that. It returns the status of the reply.
func (p *peer) putToken(ctx context.Context, token, name string) (status string) {
	reply := p.request(ctx, putTokenRequest(token, name, "put-token"))
	code, _ := reply.ApplicationProperties.Get("status-code")
	return fmt.Sprint(code)
}

func putTokenRequest(token, name string, id any) *amqpwire.Message {
	return &amqpwire.Message{
		Properties: &amqpwire.Properties{MessageID: id, To: cbsAddress, ReplyTo: "cbs"},
		ApplicationProperties: amqpwire.Map{
			{Key: "operation", Value: "put-token"},
			{Key: "type", Value: "servicebus.windows.net:sastoken"},
			{Key: "name", Value: name},
		},
		Value: token,
	}
}

const cbsAddress = "$cbs"

// request sends a request to $cbs, and returns the reply. The links stay, as they do
// with all SDKs.
func (p *peer) request(ctx context.Context, m *amqpwire.Message) *amqpwire.Message {
	if p.cbsOut == nil {
		p.cbsOut = p.mustAttach(ctx, sending(cbsAddress))
		p.cbsIn = p.mustAttach(ctx, receiving(cbsAddress))
	}
	p.cbsIn.credit(1)
	if text := p.cbsOut.send(ctx, m); text != accepted {
		p.trial.stop("put-token: %s", text)
	}
	d := p.cbsIn.must(ctx, "reply from "+cbsAddress)
	p.cbsIn.settle(d, &amqpwire.Accepted{})
	return d.message
}
