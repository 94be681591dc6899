package iothub

import (
	"context"
	"errors"
	"fmt"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/auth"
)

// receiveAddress returns where a device (or module) gets its messages. Source:
// Microsoft docs, iot-hub-amqp-support.
func receiveAddress(cs auth.ConnectionString) string {
	address := "/devices/" + escapeID(cs.DeviceID)
	if cs.ModuleID != "" {
		address += "/modules/" + escapeID(cs.ModuleID)
	}
	return address + "/messages/devicebound"
}

// Device is a device's connection to a hub.
type Device struct {
	conn     *connection
	receiver *amqp.Receiver
	id       string
}

// DialDevice connects to the hub with a device connection string. A second
// connection for the same device displaces the first.
func DialDevice(ctx context.Context, cs auth.ConnectionString, options *Options) (*Device, error) {
	o := options.withDefaults()
	conn, err := connect(ctx, cs, o)
	if err != nil {
		return nil, err
	}
	d := &Device{conn: conn, id: cs.DeviceID}
	if err := d.attach(ctx, receiveAddress(cs), o.Prefetch); err != nil {
		return nil, errors.Join(err, conn.close())
	}
	return d, nil
}

func (d *Device) attach(ctx context.Context, address string, prefetch int) error {
	session, err := d.conn.amqp.NewSession(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin session: %w", refine(err))
	}
	d.receiver, err = session.NewReceiver(ctx, address, &amqp.ReceiverOptions{
		Credit: int32(prefetch),
		// Second: the hub confirms each settlement, so a lost lock is told.
		SettlementMode: amqp.ReceiverSettleModeSecond.Ptr(),
	})
	if err != nil {
		return fmt.Errorf("attach %s: %w", address, refine(err))
	}
	return nil
}

// Receive waits for the next message. It must be settled before its lock runs
// out, a minute later, or the hub delivers it again.
func (d *Device) Receive(ctx context.Context) (*Delivery, error) {
	m, err := d.receiver.Receive(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("receive for %s: %w", d.id, refine(err))
	}
	return &Delivery{DeviceID: d.id, Received: decode(m), receiver: d.receiver, message: m}, nil
}

// Close ends the connection. Messages that are not settled go back to the hub.
func (d *Device) Close(ctx context.Context) error {
	err := d.receiver.Close(ctx)
	return errors.Join(refine(err), d.conn.close())
}

// Delivery is a message in the device's hands.
type Delivery struct {
	Received
	DeviceID string
	receiver *amqp.Receiver
	message  *amqp.Message
}

// Complete tells the hub that the message has been processed.
func (d *Delivery) Complete(ctx context.Context) error {
	return settled("complete", d.receiver.AcceptMessage(ctx, d.message))
}

// Abandon gives the message back, to be delivered again, ten times at most.
func (d *Delivery) Abandon(ctx context.Context) error {
	return settled("abandon", d.receiver.ReleaseMessage(ctx, d.message))
}

// Reject gives the message up: the hub dead-letters it.
func (d *Delivery) Reject(ctx context.Context) error {
	// No error goes with it: real hubs have detached the link over one.
	return settled("reject", d.receiver.RejectMessage(ctx, d.message, nil))
}

func settled(verb string, err error) error {
	if err != nil {
		return fmt.Errorf("%s message: %w", verb, refine(err))
	}
	return nil
}
