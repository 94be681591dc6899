package iothub

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/sas"
)

// The back end's link addresses. Source: Microsoft docs, iot-hub-amqp-support.
const (
	sendAddress     = "/messages/devicebound"
	feedbackAddress = "/messages/serviceBound/feedback"
)

// receiveAddress returns where a device (or module) gets its messages. Source:
// Microsoft docs, iot-hub-amqp-support.
func receiveAddress(cs sas.ConnectionString) string {
	address := "/devices/" + sas.Escape(cs.DeviceID)
	if cs.ModuleID != "" {
		address += "/modules/" + sas.Escape(cs.ModuleID)
	}
	return address + "/messages/devicebound"
}

// attachSender attaches the link that a back end sends on.
func attachSender(ctx context.Context, _ *connection, session *amqp.Session) (*amqp.Sender, error) {
	sender, err := session.NewSender(ctx, sendAddress, nil)
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", sendAddress, untyped(refine(err)))
	}
	return sender, nil
}

// openReceiver attaches a link to receive from on a session.
type openReceiver func(ctx context.Context, conn *connection, session *amqp.Session) (*amqp.Receiver, error)

// receiverOf returns how to attach a link to receive from an address, which
// holds up to credit messages unsettled.
//
// It asks for rcv-settle-mode second: the hub confirms each settlement, so a
// lost lock is told. A hub may answer with mode first, which is also what it
// means if it does not answer this (AMQP 1.0 part 2 §2.7.3). go-amqp detaches the
// link then, and would do so as well if it asked a hub of the other kind for
// first. So the link is attached again with no mode asked for, which takes what
// the hub answers.
func receiverOf(address string, credit int) openReceiver {
	return func(ctx context.Context, conn *connection, session *amqp.Session) (*amqp.Receiver, error) {
		options := &amqp.ReceiverOptions{
			Name:           rand.Text(),
			Credit:         int32(min(credit, math.MaxInt32)),
			SettlementMode: amqp.ReceiverSettleModeSecond.Ptr(),
		}
		receiver, err := session.NewReceiver(ctx, address, options)
		if err != nil && conn.tap.SettlesFirst(options.Name) {
			options.Name, options.SettlementMode = rand.Text(), nil
			receiver, err = session.NewReceiver(ctx, address, options)
		}
		if err != nil {
			return nil, fmt.Errorf("attach %s: %w", address, untyped(refine(err)))
		}
		if conn.tap.SettlesFirst(options.Name) {
			conn.logger.Info("the hub confirms no settlement: lost locks will not be told", "link", address)
		}
		return receiver, nil
	}
}
