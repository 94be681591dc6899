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
	conn    *amqp.Conn
	options Options

	asking   mutex // one request after the other; it guards what follows
	session  *amqp.Session
	sender   *amqp.Sender
	receiver *amqp.Receiver
	broken   bool // the links are broken
	requests int

	mu          sync.Mutex
	credentials map[string]*credential // by their names
	changed     chan struct{}          // one place: there is another

	open    context.Context // ends with stop
	cancel  context.CancelFunc
	renewal sync.WaitGroup
}

// newCBS attaches the links, and starts the renewal of tokens.
func newCBS(ctx context.Context, conn *amqp.Conn, o Options) (*cbs, error) {
	c := &cbs{
		conn: conn, options: o, asking: newMutex(),
		credentials: make(map[string]*credential), changed: make(chan struct{}, 1),
	}
	if err := c.attach(ctx); err != nil {
		return nil, err
	}
	c.open, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.renewal.Go(func() { c.renew(c.open) })
	return c, nil
}

// authenticate puts a token for what a connection string is for, and keeps it
// renewed.
func (c *cbs) authenticate(ctx context.Context, cs sas.ConnectionString) (expires time.Time, err error) {
	x := &credential{name: credentialName(cs), tokens: tokenSource(cs, c.options)}
	if expires, err = c.show(ctx, x); err != nil {
		return time.Time{}, err
	}
	c.keep(x)
	return expires, nil
}

// attach attaches the links. Called with asking held, or before anybody else can.
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

// show shows the hub a new token for the credential, on new links if the old ones are
// broken, and returns when it expires.
func (c *cbs) show(ctx context.Context, x *credential) (expires time.Time, err error) {
	if err := c.asking.lock(ctx); err != nil {
		return time.Time{}, err
	}
	defer c.asking.unlock()
	if ctx.Err() != nil {
		return time.Time{}, ctx.Err() // while it waited: that says nothing about the links
	}
	if c.broken {
		if err := c.reattach(); err != nil {
			return time.Time{}, err
		}
	}
	expires, err = c.put(ctx, x)
	// A request without an answer says the same about the links as an error.
	c.broken = linkLost(err) || ctx.Err() != nil
	if err == nil {
		x.expires = expires
	}
	return expires, err
}

// reattach replaces the links by new ones, on a new session. They are for all who have
// something to ask, so whoever asks now does not say how long it may take. Called with
// asking held.
func (c *cbs) reattach() error {
	ending, cancel := context.WithTimeout(c.open, endTimeout)
	defer cancel()
	_ = c.session.Close(ending) // it may have ended already
	attaching, cancel := context.WithTimeout(c.open, renewalTimeout)
	defer cancel()
	return c.attach(attaching)
}

// errNoNewToken says that a renewal would only show what the hub has seen.
var errNoNewToken = errors.New("there is no token that lasts longer")

// put shows the hub a new token in place of the one that it knows, and returns
// when it expires. Called with asking held.
func (c *cbs) put(ctx context.Context, x *credential) (expires time.Time, err error) {
	token, err := x.tokens(ctx)
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("make a token: %w", err)
	case !token.Expires.After(x.expires):
		return time.Time{}, errNoNewToken
	}
	c.requests++
	id := fmt.Sprintf("put-token-%d", c.requests)
	request := &amqp.Message{
		Properties: &amqp.MessageProperties{MessageID: id, To: new(cbsAddress), ReplyTo: new("cbs")},
		ApplicationProperties: map[string]any{
			"operation": "put-token",
			"type":      token.Type,
			"name":      x.name,
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
