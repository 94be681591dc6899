package mqttfront

import (
	"testing"

	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/localhub/registry"
	"iothub-c2d/internal/mqttwire"
	"iothub-c2d/internal/sas"
)

// change changes what the registry says of dev1.
func (w *world) change(f func(i *registry.Identity)) {
	w.t.Helper()
	i, refused := w.reg.Get(dev1)
	if refused == nil {
		f(&i)
		_, refused = w.reg.Update(i, registry.AnyETag)
	}
	if refused != nil {
		w.t.Fatal(refused)
	}
}

func signing(key sas.Key) registry.Authentication {
	return registry.Authentication{Type: registry.SAS, Keys: [2]sas.Key{key, key}}
}

// TestRegistryCutsOff checks that a device which may no longer be there is sent
// away, and that its messages are ready again.
func TestRegistryCutsOff(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(i *registry.Identity){
		"disabled": func(i *registry.Identity) { i.Disabled, i.Authentication = true, signing(defaults.Key()) },
		"another key": func(i *registry.Identity) {
			i.Authentication.Type, i.Authentication.Keys = registry.SAS, [2]sas.Key{sas.NewKey([]byte("another, of sixteen bytes or more"))}
		},
		"certificates": func(i *registry.Identity) { i.Authentication = registry.Authentication{Type: registry.Authority} },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, settings{}, func(t *testing.T, w *world) {
				c, other := w.subscribed(mqttwire.AtLeastOnce), w.connect()
				w.wantIn(other, hello("dev2"), false)
				w.enqueue("m1")
				wantMessage(c, "m1", false)
				w.change(f)
				c.WantEnd()
				other.WantAlive()
				if w.mailbox(dev1).Empty() {
					t.Error("the message is still locked")
				}
				if got := w.connect().Connect(hello("dev1")); got.Code != mqttwire.NotAuthorized {
					t.Errorf("CONNACK %+v, want code 5", got)
				}
			})
		})
	}
}

// TestDeletedDevice checks that nothing is left of a device for the next one of its
// name.
func TestDeletedDevice(t *testing.T) {
	j := &sessions{kept: make(map[string][]byte)}
	inWorldOf(t, j, func(t *testing.T, w *world) {
		c := w.subscribed(mqttwire.AtLeastOnce)
		w.enqueue("m1")
		first := wantMessage(c, "m1", false)
		i, _ := w.reg.Get(dev1)
		if refused := w.reg.Delete(dev1, registry.AnyETag); refused != nil {
			t.Fatal(refused)
		}
		c.WantEnd()
		w.wantEnded("not registered")
		if len(j.kept) > 0 {
			t.Errorf("kept %q of a device that is gone", j.kept)
		}
		if got := w.connect().Connect(hello("dev1")); got.Code != mqttwire.NotAuthorized {
			t.Errorf("CONNACK %+v, want code 5", got)
		}
		i.Authentication = signing(defaults.Key())
		if _, refused := w.reg.Create(i); refused != nil {
			t.Fatal(refused)
		}
		c = w.device(false)
		c.Acknowledge(first)
		c.Subscribe(mqttwire.AtLeastOnce, messages)
		w.enqueue("m2")
		wantMessage(c, "m2", false)
		w.wantFeedback("m1 Purged")
	})
}

// TestActivity checks what the registry hears of a device that is there over MQTT.
func TestActivity(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		connected := func(want bool) {
			t.Helper()
			if got := w.broker.Activity(dev1); got.Connected != want {
				t.Errorf("activity %+v, want connected: %v", got, want)
			}
		}
		connected(false)
		w.connect().Connect(changed("dev1", func(p *mqttwire.Connect) { p.Password = nil }))
		connected(false)
		c := w.device(false)
		connected(true)
		before := w.broker.Activity(dev1).Active
		rawclient.Want[*mqttwire.PubAck](sendTelemetry(c))
		if now := w.broker.Activity(dev1).Active; now.Before(before) {
			t.Errorf("active at %v, then at %v", before, now)
		}
		second := w.device(true)
		c.WantEnd()
		connected(true)
		w.bye(second)
		connected(false)
		if n := w.broker.Connected(); n != 0 {
			t.Errorf("%d devices connected, want none", n)
		}
	})
}

func sendTelemetry(c *rawclient.Client) *rawclient.Client {
	c.Send(&mqttwire.Publish{QoS: 1, ID: 1, Topic: events})
	return c
}
