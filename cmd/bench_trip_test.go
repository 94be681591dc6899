package cmd_test

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
)

// roundTrips sends messages, takes each at the device and then its feedback, and
// prints how long that takes.
func (p part) roundTrips(ctx context.Context) error {
	service, err := iothub.DialService(ctx, p.over(defaults.ServiceString(p.Address)), p.options())
	if err != nil {
		return err
	}
	defer service.Close(ctx)
	feedback, err := service.ReceiveFeedback(ctx)
	if err != nil {
		return err
	}
	device, err := iothub.DialDevice(ctx, p.over(defaults.DeviceString(p.Address, defaults.DeviceID, defaults.Key())), p.options())
	if err != nil {
		return err
	}
	defer device.Close(ctx)
	return p.printTrips(func(n int) error {
		m := &iothub.Message{ID: strconv.Itoa(n), Body: []byte(text), Ack: iothub.AckFull}
		if err := service.Send(ctx, defaults.DeviceID, m); err != nil {
			return err
		}
		d, err := device.Receive(ctx)
		if err != nil {
			return err
		}
		if err := d.Complete(ctx); err != nil {
			return err
		}
		batch, err := feedback.Receive(ctx)
		if err != nil {
			return err
		}
		return batch.Complete(ctx)
	})
}

// bareRoundTrips does the same with nothing but go-amqp.
func (p part) bareRoundTrips(ctx context.Context) error {
	sender, conn, err := p.sender(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	feedback, err := receiverOn(ctx, conn, "/messages/serviceBound/feedback", amqp.ReceiverSettleModeSecond)
	if err != nil {
		return err
	}
	deviceConn, err := p.dial(ctx, defaults.DeviceID)
	if err != nil {
		return err
	}
	defer deviceConn.Close()
	device, err := receiverOn(ctx, deviceConn, "/devices/"+defaults.DeviceID+"/messages/devicebound", amqp.ReceiverSettleModeSecond)
	if err != nil {
		return err
	}
	return p.printTrips(func(n int) error {
		m := bareMessage(strconv.Itoa(n))
		m.ApplicationProperties = map[string]any{iothub.AckProperty: "full"}
		if err := sender.Send(ctx, m, nil); err != nil {
			return err
		}
		if _, err := takeNext(ctx, device); err != nil {
			return err
		}
		_, err := takeNext(ctx, feedback)
		return err
	})
}

// printTrips makes a trip for each message, and prints the percentiles of how long
// one takes.
func (p part) printTrips(trip func(n int) error) error {
	var took []time.Duration
	for n := range p.Messages {
		began := time.Now()
		if err := trip(n); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	var figures []float64
	for _, percent := range []int{50, 95, 99} {
		figures = append(figures, took[(len(took)-1)*percent/100].Seconds()*1000)
	}
	return json.NewEncoder(os.Stdout).Encode(figures)
}
