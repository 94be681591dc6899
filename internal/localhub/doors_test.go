package localhub_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
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

// account is what becomes of the messages for dev1, who is reached over AMQP and
// MQTT.
type account struct {
	mu       sync.Mutex
	settled  map[string]int    // how often a device has been told that a message is complete, or could believe it
	reported map[string]string // the statuses in the feedback, by message
	seen     int               // messages that arrived, again or not
}

func (l *account) settle(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settled[id]++
}

func (l *account) see() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen++
}

// read reads feedback until there is some on n messages.
func (l *account) read(ctx context.Context, t *testing.T, feedback *iothub.FeedbackReceiver, n int) {
	t.Helper()
	for len(l.reported) < n {
		batch, err := feedback.Receive(ctx)
		check(t, err)
		for _, r := range batch.Records {
			l.reported[r.MessageID] += string(r.Status)
		}
		check(t, batch.Complete(ctx))
	}
}

// check expects Success of every message, once, and a device that knows of it.
func (l *account) check(t *testing.T, ids []string) {
	t.Helper()
	for _, id := range ids {
		if l.reported[id] != string(iothub.Success) || l.settled[id] == 0 {
			t.Errorf("%s: reported %q, settled %d times", id, l.reported[id], l.settled[id])
		}
	}
	if len(l.reported) != len(ids) {
		t.Errorf("feedback on %v, want %d messages", slices.Sorted(maps.Keys(l.reported)), len(ids))
	}
}

// deviceAMQP receives and completes until another receiver displaces it.
func deviceAMQP(ctx context.Context, l line, book *account) error {
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
		book.see()
		if err := d.Complete(ctx); err != nil {
			return err
		}
		book.settle(d.ID)
	}
}

// deviceMQTT receives and acknowledges until another receiver displaces it.
func deviceMQTT(ctx context.Context, t *testing.T, l line, book *account) error {
	c, err := l.connect(ctx)
	if err != nil {
		return err
	}
	m := rawclient.New(t, c)
	token := sas.NewToken(defaults.Key(), "localhost/devices/dev1", "", time.Now().Add(time.Hour))
	m.Send(
		&mqttwire.Connect{ClientID: "dev1", Username: new("localhost/dev1/"), Password: mqttwire.Password(token.Reveal())},
		&mqttwire.Subscribe{ID: 1, Filters: []mqttwire.Filter{{Topic: mqttMessages, QoS: mqttwire.AtLeastOnce}}},
	)
	for {
		select {
		case p := <-m.In:
			if p, ok := p.(*mqttwire.Publish); ok {
				book.see()
				m.Acknowledge(p)
				_, rest, _ := strings.Cut(p.Topic, "mid=")
				id, _, _ := strings.Cut(rest, "&")
				book.settle(id)
			}
		case <-m.Over:
			return iothub.ErrDisplaced
		case <-ctx.Done():
			m.HangUp()
			return ctx.Err()
		}
	}
}

func newAccount() *account {
	return &account{settled: make(map[string]int), reported: make(map[string]string)}
}

// TestDoorsInTurns has a device come over AMQP and over MQTT in turns, each time
// with messages in the other's hands.
func TestDoorsInTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		l := overPipes(t, localhub.Options{})
		service, book := dialService(ctx, t, l), newAccount()
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
			device, err := iothub.DialDevice(ctx, cs, &iothub.Options{Dial: l.dialer(route{})})
			check(t, err)
			rawclient.Want[*mqttwire.Publish](m)
			m.WantEnd()
			m.Acknowledge(held) // too late
			for range 2 {       // both come again
				d, err := device.Receive(ctx)
				check(t, err)
				check(t, d.Complete(ctx))
				book.settle(d.ID)
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
			if !strings.Contains(p.Topic, "mid="+inHand.ID+"&") || p.Dup {
				t.Errorf("got %+v, want %s, which is no duplicate over MQTT", p, inHand.ID)
			}
			m.Acknowledge(p)
			book.settle(inHand.ID)
			m.WantAlive()
			_ = device.Close(ctx)
		}
		book.read(ctx, t, feedback, len(ids))
		book.check(t, ids)
	})
}

// TestDoorsAtOnce has two clients fight for one device, one over AMQP and one over
// MQTT: every message is complete once, however often it arrives.
func TestDoorsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const messages = 400
		ctx, cancel := context.WithCancel(t.Context())
		l := overPipes(t, localhub.Options{MaxQueue: messages})
		service, book := dialService(ctx, t, l), newAccount()
		feedback, err := service.ReceiveFeedback(ctx)
		check(t, err)
		var devices sync.WaitGroup
		displaced := make([]int, 2)
		for i, serve := range []func() error{
			func() error { return deviceAMQP(ctx, l, book) },
			func() error { return deviceMQTT(ctx, t, l, book) },
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
		var ids []string
		for i := range messages {
			ids = append(ids, fmt.Sprint("m", i))
			check(t, service.Send(ctx, "dev1", &iothub.Message{ID: ids[i], Ack: iothub.AckFull}))
			time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
		}
		book.read(ctx, t, feedback, messages)
		cancel()
		devices.Wait()
		book.check(t, ids)
		if displaced[0] < 10 || displaced[1] < 10 || len(l.hub.Pending("dev1")) > 0 {
			t.Errorf("displaced %d times over AMQP, %d times over MQTT; %v wait", displaced[0], displaced[1], l.hub.Pending("dev1"))
		}
		t.Logf("%d messages arrived %d times; displaced %v", messages, book.seen, displaced)
	})
}
