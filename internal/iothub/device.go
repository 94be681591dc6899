package iothub

import (
	"context"
	"fmt"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/sas"
)

// Device is a device's connection to a hub. It reconnects by itself.
type Device struct {
	client   *client
	receiver *attachment[*amqp.Receiver]
	id       string
}

// DialDevice connects to the hub with a device connection string. The first
// connection is tried once only. A second connection for the same device
// displaces the first.
func DialDevice(ctx context.Context, cs sas.ConnectionString, options *Options) (*Device, error) {
	d := &Device{client: newClient(cs, options), id: cs.DeviceID}
	d.receiver = newAttachment(d.client, onOwnSession(receiverOf(receiveAddress(cs), d.client.options.Prefetch)))
	if err := d.receiver.first(ctx); err != nil {
		_ = d.client.close(context.WithoutCancel(ctx)) // what went wrong before is what matters
		return nil, err
	}
	return d, nil
}

// Receive waits for the next message, however often the connection breaks
// meanwhile. The message must be settled before its lock runs out, a minute
// later, or the hub delivers it again.
func (d *Device) Receive(ctx context.Context) (*Delivery, error) {
	h := held{attachment: d.receiver}
	err := d.receiver.do(ctx, func(ctx context.Context, receiver *amqp.Receiver, w *wait) (err error) {
		w.on(forMessage)
		h.receiver = receiver
		h.message, err = receiver.Receive(ctx, nil)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("receive for %s: %w", d.id, err)
	}
	return h.delivery(d.id), nil
}

// delivery returns the message for a device. If this were inlined, the goroutine of
// each device of a fleet that waits for a message would have twice the stack.
//
//go:noinline
func (h held) delivery(deviceID string) *Delivery {
	return &Delivery{DeviceID: deviceID, Received: decode(h.message), held: h}
}

// Close ends the connection, and what waits for it. Messages that are not
// settled go back to the hub. It waits for the hub no longer than ctx lives.
func (d *Device) Close(ctx context.Context) error {
	d.client.end()
	err := d.receiver.close(ctx)
	if closed := d.client.close(ctx); err == nil {
		err = closed
	}
	return err
}

// Delivery is a message in the device's hands.
type Delivery struct {
	Received
	DeviceID string
	held     held
}

// Complete tells the hub that the message has been processed. It fails with
// [ErrLockLost] if the lock had run out, so that the hub delivers the message again,
// or if the connection broke before the answer, so that it may. It fails with
// [ErrNotSettled] if the hub refuses for any other reason.
func (d *Delivery) Complete(ctx context.Context) error {
	return d.held.settle(ctx, "complete message", (*amqp.Receiver).AcceptMessage)
}

// Abandon gives the message back, to be delivered again, ten times at most. It
// fails as [Delivery.Complete] does.
func (d *Delivery) Abandon(ctx context.Context) error {
	return d.held.settle(ctx, "abandon message", (*amqp.Receiver).ReleaseMessage)
}

// Reject gives the message up: the hub dead-letters it. It fails as
// [Delivery.Complete] does.
func (d *Delivery) Reject(ctx context.Context) error {
	return d.held.settle(ctx, "reject message", func(r *amqp.Receiver, ctx context.Context, m *amqp.Message) error {
		// No error goes with it: real hubs have detached the link over one.
		return r.RejectMessage(ctx, m, nil)
	})
}
