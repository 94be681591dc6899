package iothub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/sas"
)

// cbsAddress is the node for claims-based security (AMQP CBS 1.0 working
// draft): tokens are put there in requests, and it replies.
const cbsAddress = "$cbs"

// cbs keeps a connection authenticated. Its links stay open, so that renewing
// a token disturbs nothing else.
type cbs struct {
	conn     *amqp.Conn
	session  *amqp.Session
	sender   *amqp.Sender
	receiver *amqp.Receiver
	broken   bool // the links are broken
	tokens   TokenSource
	name     string // what the tokens are for
	options  Options
	requests int

	cancel  context.CancelFunc
	renewal sync.WaitGroup
}

// authenticate puts the first token, and starts the renewal.
func authenticate(ctx context.Context, conn *amqp.Conn, cs sas.ConnectionString, o Options) (*cbs, error) {
	// The name is the resource as it stands in a token, which is what the Node
	// SDK sends.
	c := &cbs{conn: conn, tokens: tokenSource(cs, o), name: sas.Escape(cs.Resource()), options: o}
	if err := c.attach(ctx); err != nil {
		return nil, err
	}
	expires, err := c.put(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	o.Logger.Info("authenticated", "by", "token", "for", cs.Resource(), "expires", expires.UTC().Format(time.RFC3339))
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = cancel
	c.renewal.Go(func() { c.renew(background, expires) })
	return c, nil
}

func (c *cbs) attach(ctx context.Context) (err error) {
	session, err := c.conn.NewSession(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin session: %w", refine(err)) // the last session stays, for reattach
	}
	c.session = session
	if c.sender, err = c.session.NewSender(ctx, cbsAddress, nil); err != nil {
		return fmt.Errorf("attach %s: %w", cbsAddress, refine(err))
	}
	c.receiver, err = c.session.NewReceiver(ctx, cbsAddress, &amqp.ReceiverOptions{Credit: 10})
	if err != nil {
		return fmt.Errorf("attach %s: %w", cbsAddress, refine(err))
	}
	return nil
}

// errNoNewToken says that a renewal would only show what the hub has seen.
var errNoNewToken = errors.New("there is no token that lasts longer")

// put shows the hub a new token in place of the one that it knows, and returns
// when it expires.
func (c *cbs) put(ctx context.Context, known time.Time) (expires time.Time, err error) {
	token, err := c.tokens(ctx)
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("make a token: %w", err)
	case !token.Expires.After(known):
		return time.Time{}, errNoNewToken
	}
	c.requests++
	id := fmt.Sprintf("put-token-%d", c.requests)
	request := &amqp.Message{
		Properties: &amqp.MessageProperties{MessageID: id, To: new(cbsAddress), ReplyTo: new("cbs")},
		ApplicationProperties: map[string]any{
			"operation": "put-token",
			"type":      token.Type,
			"name":      c.name,
		},
		Value: token.Reveal(),
	}
	if err := c.sender.Send(ctx, request, nil); err != nil {
		return time.Time{}, fmt.Errorf("put token: %w", refine(err))
	}
	return token.Expires, c.await(ctx, id)
}

// await waits for the reply to a request. It skips replies to requests that
// were given up.
func (c *cbs) await(ctx context.Context, id string) error {
	for {
		reply, err := c.receiver.Receive(ctx, nil)
		if err != nil {
			return fmt.Errorf("wait for the reply to put-token: %w", refine(err))
		}
		if err := c.receiver.AcceptMessage(ctx, reply); err != nil {
			return fmt.Errorf("wait for the reply to put-token: %w", refine(err))
		}
		if decode(reply).CorrelationID == id {
			return status(reply)
		}
	}
}

// status reads the result of a request, in HTTP's numbers.
func status(reply *amqp.Message) error {
	properties := decode(reply).Properties
	code := int(integer(properties["status-code"]))
	description, _ := properties["status-description"].(string)
	if code >= 200 && code < 300 {
		return nil
	}
	refused := &HubError{
		Op:        "authenticate",
		Condition: conditionOfStatus[code],
		Code:      code,
		Message:   mask(description),
	}
	switch refused.Condition {
	case "": // a fault of the hub's, that may pass
		refused.Condition = string(amqp.ErrCondInternalError)
		return refused
	case conditionThrottled:
		return refused
	}
	return finalError{refused}
}

// conditionOfStatus gives put-token's statuses the meaning that errors of links
// have. Source: the failure map of the C# SDK.
var conditionOfStatus = map[int]string{
	http.StatusBadRequest:      string(amqp.ErrCondInvalidField),
	http.StatusUnauthorized:    string(amqp.ErrCondUnauthorizedAccess),
	http.StatusForbidden:       "com.microsoft:quota-exceeded", // of connections, or of messages
	http.StatusNotFound:        string(amqp.ErrCondNotFound),
	http.StatusTooManyRequests: conditionThrottled,
}

func (c *cbs) stop() {
	c.cancel()
	c.renewal.Wait()
}
