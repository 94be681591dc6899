package iothub

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/sas"
)

// Service is a back end's connection to a hub. It reconnects by itself. Its
// methods may be called from several goroutines.
type Service struct {
	client  *client
	sender  *attachment[*amqp.Sender]
	sending mutex        // one message after the other is put on the link
	partial *amqp.Sender // the link that was left in the middle of a message; guarded by sending
	resent  atomic.Int64
	pacer   *pacer
}

// DialService connects to the hub with a service connection string. The first
// connection is tried once only.
func DialService(ctx context.Context, cs sas.ConnectionString, options *Options) (*Service, error) {
	s := &Service{client: newClient(cs, options), sending: newMutex()}
	s.sender = newAttachment(s.client, onOwnSession(attachSender))
	s.sender.paced = true
	s.pacer = newPacer(s.client.options)
	if err := s.sender.first(ctx); err != nil {
		_ = s.client.close(context.WithoutCancel(ctx)) // what went wrong before is what matters
		return nil, err
	}
	return s, nil
}

// Send sends m to a device and returns when the hub has accepted it. If the
// connection breaks before the hub's answer, nobody knows whether it has the
// message: Send sends it again under the same id, so the device may see it
// twice. While the hub throttles, messages wait for their turn (see
// [Options.Throttled]). A refusal is a [*HubError]. An error that is also
// [ErrIndeterminate] leaves open whether an earlier attempt succeeded.
func (s *Service) Send(ctx context.Context, deviceID string, m *Message) error {
	err := ctx.Err()
	if err == nil {
		err = m.Validate()
	}
	if err != nil {
		return fmt.Errorf("send to %s: %w", deviceID, err)
	}
	message := m.encode(deviceID)
	doubtful := false // some attempt may have reached the hub
	err = s.sender.do(ctx, func(ctx context.Context, sender *amqp.Sender, w *wait) error {
		err := s.attemptInTurn(ctx, sender, message, w)
		if doubtful && !neverSent(err) {
			s.resent.Add(1)
		}
		doubtful = doubtful || err != nil && !neverTaken(err)
		return err
	})
	switch {
	case err == nil:
		return nil
	case doubtful:
		return fmt.Errorf("send to %s: %w; %w", deviceID, err, ErrIndeterminate)
	}
	return fmt.Errorf("send to %s: %w", deviceID, err)
}

// Resent returns how many messages were sent again because nobody knew whether
// the hub had them.
func (s *Service) Resent() int { return int(s.resent.Load()) }

// Close ends the connection, and what waits for it. It waits for the hub no longer
// than ctx lives, and two seconds at most.
func (s *Service) Close(ctx context.Context) error { return s.client.close(ctx) }
