package iothub

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/auth"
)

// The back end's link addresses. Source: Microsoft docs, iot-hub-amqp-support.
const (
	sendAddress     = "/messages/devicebound"
	feedbackAddress = "/messages/serviceBound/feedback"
)

// Service is a back end's connection to a hub. It reconnects by itself. Its
// methods may be called from several goroutines.
type Service struct {
	client *client
	sender attachment[*amqp.Sender]
	resent atomic.Int64
}

// DialService connects to the hub with a service connection string. The first
// connection is tried once only.
func DialService(ctx context.Context, cs auth.ConnectionString, options *Options) (*Service, error) {
	s := &Service{client: newClient(cs, options)}
	s.sender = attachment[*amqp.Sender]{client: s.client, attach: attachSender}
	if _, _, err := s.sender.get(ctx); err != nil {
		return nil, errors.Join(err, s.client.close())
	}
	return s, nil
}

func attachSender(ctx context.Context, session *amqp.Session) (*amqp.Sender, error) {
	sender, err := session.NewSender(ctx, sendAddress, nil)
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", sendAddress, refine(err))
	}
	return sender, nil
}

// Send sends m to a device and returns when the hub has accepted it. If the
// connection breaks before the hub's answer, nobody knows whether it has the
// message: Send sends it again under the same id, so the device may see it
// twice. A refusal is a [*HubError].
func (s *Service) Send(ctx context.Context, deviceID string, m *Message) error {
	message := m.encode(deviceID)
	doubtful := false // the last attempt may have reached the hub
	err := s.sender.do(ctx, func(ctx context.Context, sender *amqp.Sender) error {
		if doubtful {
			s.resent.Add(1)
		}
		err := sender.Send(ctx, message, nil)
		doubtful = err != nil && remoteRejection(err) == nil
		return err
	})
	if err != nil {
		return fmt.Errorf("send to %s: %w", deviceID, err)
	}
	return nil
}

// remoteRejection returns the hub's reason for refusing a delivery, nil if err
// is about anything else.
func remoteRejection(err error) *amqp.Error {
	var rejected *amqp.Error
	var link *amqp.LinkError
	if errors.As(err, &rejected) && !errors.As(err, &link) {
		return rejected
	}
	return nil
}

// Resent returns how many messages were sent again because nobody knew whether
// the hub had them.
func (s *Service) Resent() int { return int(s.resent.Load()) }

// Close ends the connection.
func (s *Service) Close() error { return s.client.close() }
