package localhub_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
	"iothub-c2d/internal/sas"
)

// reported reads feedback until there is some on n messages, and returns the
// statuses of each.
func reported(ctx context.Context, t *testing.T, feedback *iothub.FeedbackReceiver, n int) map[string]string {
	t.Helper()
	statuses := make(map[string]string)
	for len(statuses) < n {
		batch, err := feedback.Receive(ctx)
		check(t, err)
		for _, r := range batch.Records {
			statuses[r.MessageID] += string(r.Status)
		}
		check(t, batch.Complete(ctx))
	}
	return statuses
}

// serveAMQP receives and completes until another receiver displaces it.
func serveAMQP(ctx context.Context, l line, book *ledger) error {
	cs := sas.ConnectionString{HostName: "localhost", DeviceID: "dev1", Key: defaults.Key()}
	device, err := iothub.DialDevice(ctx, cs, &iothub.Options{Dial: l.dialer(route{})})
	if err != nil {
		return err
	}
	defer func() { _ = device.Close(context.WithoutCancel(ctx)) }()
	for {
		d, err := device.Receive(ctx)
		if err != nil {
			return err
		}
		if err := d.Complete(ctx); err != nil {
			return err
		}
		book.complete(d.ID, "amqp")
	}
}

// serveMQTT has a device receive and acknowledge until another receiver displaces it.
func serveMQTT(ctx context.Context, l line, device *rawclient.Device) error {
	c, err := l.connect(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	device.Serve(rawclient.New(device.T, c))
	return cmp.Or(ctx.Err(), iothub.ErrDisplaced)
}

// TestDoorsInTurns has a device come over AMQP and over MQTT in turns, each time
// with messages in the other's hands.
func TestDoorsInTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		l := overPipes(t, localhub.Options{})
		service := dialService(ctx, t, l)
		feedback, err := service.ReceiveFeedback(ctx)
		check(t, err)
		var ids []string
		send := func() {
			id := fmt.Sprint("m", len(ids))
			ids = append(ids, id)
			check(t, service.Send(ctx, "dev1", &iothub.Message{ID: id, Ack: iothub.AckFull}))
		}
		cs := sas.ConnectionString{HostName: "localhost", DeviceID: "dev1", Key: defaults.Key()}
		for round := range 5 {
			c, err := l.connect(ctx)
			check(t, err)
			m := connectMQTT(t, c, nil)
			if round == 0 {
				m.Subscribe(mqttwire.AtLeastOnce, mqttMessages)
			}
			send()
			send()
			held := rawclient.Want[*mqttwire.Publish](m)
			rawclient.Want[*mqttwire.Publish](m)
			device, err := iothub.DialDevice(ctx, cs, &iothub.Options{Dial: l.dialer(route{})})
			check(t, err)
			m.WantEnd()
			m.Acknowledge(held) // too late
			for range 2 {       // both come again
				d, err := device.Receive(ctx)
				check(t, err)
				check(t, d.Complete(ctx))
			}
			send()
			inHand, err := device.Receive(ctx)
			check(t, err)
			c, err = l.connect(ctx)
			check(t, err)
			m = connectMQTT(t, c, nil)
			if _, err := device.Receive(ctx); !errors.Is(err, iothub.ErrDisplaced) {
				t.Errorf("the AMQP receiver ended with %v, want that it is displaced", err)
			}
			p := rawclient.Want[*mqttwire.Publish](m)
			if rawclient.MessageID(p) != inHand.ID || p.Dup {
				t.Errorf("got %+v, want %s, which is no duplicate over MQTT", p, inHand.ID)
			}
			m.Acknowledge(p)
			m.WantAlive()
			_ = device.Close(ctx)
		}
		got := reported(ctx, t, feedback, len(ids))
		for _, id := range ids {
			if got[id] != string(iothub.Success) {
				t.Errorf("feedback on %s is %q, want Success", id, got[id])
			}
		}
	})
}

// TestDoorsAtOnce has three clients take the messages of one device, one over AMQP
// and one over MQTT, who fight for the place, and one over HTTP, which needs none:
// every message is complete once, however often it arrives.
func TestDoorsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const messages = 400
		ctx, cancel := context.WithCancel(t.Context())
		book := newLedger()
		l := overPipes(t, localhub.Options{MaxQueue: messages, MaxDeliveryCount: 1000, Observer: book.observe})
		service := dialService(ctx, t, l)
		feedback, err := service.ReceiveFeedback(ctx)
		check(t, err)
		overMQTT := &rawclient.Device{T: t, Hello: mqttHello, Filter: mqttMessages, Receive: func(p *mqttwire.Publish) {
			book.acknowledge(rawclient.MessageID(p))
		}}
		var devices sync.WaitGroup
		displaced := make([]int, 2)
		for i, serve := range []func() error{
			func() error { return serveAMQP(ctx, l, book) },
			func() error { return serveMQTT(ctx, l, overMQTT) },
		} {
			devices.Go(func() {
				for ctx.Err() == nil {
					err := serve()
					if errors.Is(err, iothub.ErrDisplaced) {
						displaced[i]++
					}
					time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
				}
			})
		}
		client := restOf(t, l, route{}).asDevice("dev1", defaults.Key())
		pause := func() { time.Sleep(10 * time.Millisecond) }
		devices.Go(func() { receiveByHTTP(ctx, t, client, "http", book, pause) })
		for i := range messages {
			check(t, service.Send(ctx, "dev1", &iothub.Message{ID: fmt.Sprint("m", i), Body: fmt.Append(nil, "m", i), Ack: iothub.AckFull}))
			time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
		}
		for id, statuses := range reported(ctx, t, feedback, messages) {
			if statuses != string(iothub.Success) {
				t.Errorf("feedback on %s is %s, want Success", id, statuses)
			}
		}
		cancel()
		devices.Wait()
		book.check(t, messages)
		if displaced[0] < 10 || displaced[1] < 10 || len(l.hub.Pending("dev1")) > 0 {
			t.Errorf("displaced %d times over AMQP, %d times over MQTT; %v wait", displaced[0], displaced[1], l.hub.Pending("dev1"))
		}
	})
}
