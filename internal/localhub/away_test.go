package localhub_test

import (
	"context"
	"maps"
	"slices"
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

// visit is what a device does over one of the doors: it comes, takes n messages and
// completes them, sees that no more come, and leaves.
type visit func(ctx context.Context, t *testing.T, l line, n int) (ids []string)

func visitAMQP(ctx context.Context, t *testing.T, l line, n int) (ids []string) {
	cs := sas.ConnectionString{HostName: "localhost", DeviceID: "dev1", Key: defaults.Key()}
	device, err := iothub.DialDevice(ctx, cs, &iothub.Options{Dial: l.dialer(route{})})
	check(t, err)
	for range n {
		d, err := device.Receive(ctx)
		check(t, err)
		check(t, d.Complete(ctx))
		ids = append(ids, d.ID)
	}
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if d, err := device.Receive(short); err == nil {
		t.Errorf("over AMQP came %s, want nothing", d.ID)
	}
	check(t, device.Close(ctx))
	return ids
}

func visitMQTT(ctx context.Context, t *testing.T, l line, n int) (ids []string) {
	c, err := l.connect(ctx)
	check(t, err)
	m := connectMQTT(t, c, nil)
	m.Send(&mqttwire.Subscribe{ID: 1, Filters: []mqttwire.Filter{{Topic: mqttMessages, QoS: mqttwire.AtLeastOnce}}})
	for range n + 1 { // in a session, messages may come before the answer
		if p, ok := m.Next().(*mqttwire.Publish); ok {
			m.Acknowledge(p)
			ids = append(ids, rawclient.MessageID(p))
		}
	}
	m.WantNothing()
	m.Send(&mqttwire.Disconnect{})
	m.WantEnd()
	return ids
}

func visitHTTP(_ context.Context, t *testing.T, l line, n int) (ids []string) {
	client := restOf(t, l, route{}).asDevice("dev1", defaults.Key())
	for range n {
		a := client.want(200, "GET", inbox, "")
		client.want(204, "DELETE", inbox+"/"+a.lockOf(t), "")
		ids = append(ids, a.header.Get("iothub-messageid"))
	}
	client.want(204, "GET", inbox, "")
	return ids
}

// TestAwayAndBack has a device leave by one door and come back by another. What was
// sent meanwhile reaches it there, once and in order, unless it has expired.
func TestAwayAndBack(t *testing.T) {
	t.Parallel()
	doors := map[string]visit{"AMQP": visitAMQP, "MQTT": visitMQTT, "HTTP": visitHTTP}
	for before, leave := range doors {
		for after, comeBack := range doors {
			t.Run(before+", "+after, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					ctx := t.Context()
					l := overPipes(t, localhub.Options{})
					service := dialService(ctx, t, l)
					leave(ctx, t, l, 0)
					for _, id := range []string{"m1", "late", "m2", "m3"} {
						m := &iothub.Message{ID: id, Ack: iothub.AckFull}
						if id == "late" {
							m.Expiry = time.Now().Add(time.Minute)
						}
						check(t, service.Send(ctx, "dev1", m))
					}
					time.Sleep(2 * time.Minute)
					if got := comeBack(ctx, t, l, 3); !slices.Equal(got, []string{"m1", "m2", "m3"}) {
						t.Errorf("got %q, want m1, m2 and m3", got)
					}
					leave(ctx, t, l, 0)
					feedback, err := service.ReceiveFeedback(ctx)
					check(t, err)
					want := map[string]string{"late": "Expired", "m1": "Success", "m2": "Success", "m3": "Success"}
					if got := reported(ctx, t, feedback, len(want)); !maps.Equal(got, want) {
						t.Errorf("feedback %v, want %v", got, want)
					}
				})
			})
		}
	}
}
