package iothub

import (
	"context"
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
func attachSender(ctx context.Context, session *amqp.Session) (*amqp.Sender, error) {
	sender, err := session.NewSender(ctx, sendAddress, nil)
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", sendAddress, refine(err))
	}
	return sender, nil
}

// attachReceiver attaches a link that holds up to credit messages unsettled.
func attachReceiver(ctx context.Context, session *amqp.Session, address string, credit int) (*amqp.Receiver, error) {
	receiver, err := session.NewReceiver(ctx, address, &amqp.ReceiverOptions{
		Credit: int32(min(credit, math.MaxInt32)),
		// Second: the hub confirms each settlement, so a lost lock is told.
		SettlementMode: amqp.ReceiverSettleModeSecond.Ptr(),
	})
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", address, refine(err))
	}
	return receiver, nil
}
