package localhub

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/amqpfront"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/registry"
	"iothub-c2d/internal/sas"
)

var dev1ID = broker.ID{Device: "dev1"}

// authentication with the default key and another, as the registry has it.
func sasAuthentication() registry.Authentication {
	return registry.Authentication{Type: registry.SAS, Keys: [2]sas.Key{defaults.Key(), sas.NewKey([]byte("the secondary key"))}}
}

func (w *world) update(i registry.Identity) {
	w.t.Helper()
	if _, refused := w.hub.registry.Update(i, registry.AnyETag); refused != nil {
		w.t.Fatal(refused)
	}
}

// deviceAddresses are all that a device and its module may attach to, and which end
// of it.
var deviceAddresses = []struct {
	address string
	sends   bool
}{
	{deviceAddress, false},
	{eventsAddress, true},
	{"/devices/dev1/twin", false},
	{"/devices/dev1/twin", true},
	{"/devices/dev1/methods/devicebound", false},
	{"/devices/dev1/modules/mod/messages/devicebound", false},
	{"/devices/dev1/modules/mod/messages/events", true},
}

// TestCutOff changes the registry under a device's links: all of them end, whatever
// token they live by, and no other. They can be had again if that is permitted.
func TestCutOff(t *testing.T) {
	t.Parallel()
	const unauthorized, notFound = amqpserver.CondUnauthorized, amqpserver.CondNotFound
	for _, test := range []struct {
		name      string
		change    func(w *world)
		condition amqpwire.Symbol // of each detach
		code      broker.Code
		own       amqpwire.Symbol // of an attach afterwards, by the device's own token; empty: it works
		policy    amqpwire.Symbol // likewise, by a policy's
	}{
		{"disabled", func(w *world) { w.update(registry.Identity{ID: dev1ID, Disabled: true}) }, unauthorized, broker.Unauthorized, unauthorized, unauthorized},
		{"deleted", func(w *world) { _ = w.hub.registry.Delete(dev1ID, registry.AnyETag) }, notFound, broker.DeviceNotFound, notFound, notFound},
		{"with other keys", func(w *world) { w.update(registry.Identity{ID: dev1ID, Authentication: sasAuthentication()}) }, unauthorized, broker.Unauthorized, unauthorized, ""},
		{"for a reason", func(w *world) { w.update(registry.Identity{ID: dev1ID, StatusReason: "x"}) }, "", 0, "", ""},
	} {
		for policy, again := range map[string]amqpwire.Symbol{"": test.own, "iothubowner": test.policy} {
			t.Run(test.name+" "+policy, func(t *testing.T) {
				inWorld(t, Options{}, func(t *testing.T, w *world) {
					other := w.device("dev2")
					other.Receiver(0, "/devices/dev2/messages/devicebound")
					c := w.deviceOf(policy)
					test.change(w)
					if test.condition != "" {
						for range deviceAddresses {
							refused := rawclient.WantCondition(t, "detach", want[*amqpwire.Detach](c).Error, test.condition)
							wantHubError(t, refused, int(test.code))
						}
						c.detachAll()
						c.wantAttach(again)
					}
					c.WantNothing()
					c.WantAlive()
					other.WantNothing()
					if n, want := w.hub.broker.Connected(), map[bool]int{true: 2, false: 1}[again == ""]; n != want {
						t.Errorf("%d devices are connected, want %d", n, want)
					}
				})
			})
		}
	}
}

// deviceOf returns a client with all links that dev1 and its module may have. The
// token is that of a policy, or dev1's own if there is none.
func (w *world) deviceOf(policy string) *raw {
	w.t.Helper()
	resource := testHost
	if policy == "" {
		resource += "/devices/dev1"
	}
	c := w.begun()
	c.putToken(token(policy, resource, time.Hour))
	for handle, l := range deviceAddresses {
		if l.sends {
			c.Sender(uint32(handle), l.address)
		} else {
			c.Receiver(uint32(handle), l.address)
		}
	}
	return c
}

func (c *raw) detachAll() {
	for handle := range deviceAddresses {
		c.Send(0, &amqpwire.Detach{Handle: uint32(handle), Closed: true})
	}
}

// wantAttach attaches to receive as dev1, and expects the condition, or a link if
// there is none.
func (c *raw) wantAttach(condition amqpwire.Symbol) {
	c.T.Helper()
	if condition != "" {
		c.WantRefused(rawclient.ReceiverAttach(100, deviceAddress), condition)
		return
	}
	c.Receiver(100, deviceAddress)
}

// TestPresenceOverAMQP checks what counts as a connected device: a link of it, in
// whatever way the link ends.
func TestPresenceOverAMQP(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(c *raw){
		"detach": func(c *raw) { c.detachAll() },
		"end":    func(c *raw) { c.Send(0, &amqpwire.End{}) },
		"close":  func(c *raw) { c.Send(0, &amqpwire.Close{}) },
		"hangup": func(c *raw) { _ = c.Net.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				module := broker.ID{Device: "dev1", Module: "mod"}
				c := w.begun()
				c.putToken(token("", testHost+"/devices/dev1", time.Hour))
				c.WantRefused(rawclient.ReceiverAttach(0, "/devices/dev2/messages/devicebound"), amqpserver.CondUnauthorized)
				if n := w.hub.broker.Connected(); n != 0 {
					t.Errorf("%d devices are connected before there is a link", n)
				}
				c = w.deviceOf("")
				time.Sleep(time.Second)
				for _, id := range []broker.ID{dev1ID, module} {
					if a := w.hub.broker.Activity(id); !a.Connected || time.Since(a.Changed) != time.Second {
						t.Errorf("%s: %+v, want it connected for a second", id, a)
					}
				}
				c.transfer(&amqpwire.Transfer{Handle: 1}, c2d("telemetry"))
				synctest.Wait()
				if a := w.hub.broker.Activity(dev1ID); !a.Active.Equal(time.Now()) {
					t.Errorf("%+v, want it active now", a)
				}
				end(c)
				synctest.Wait()
				for _, id := range []broker.ID{dev1ID, module} {
					if a := w.hub.broker.Activity(id); a.Connected || !a.Changed.Equal(time.Now()) {
						t.Errorf("%s: %+v, want it disconnected now", id, a)
					}
				}
			})
		})
	}
}

// meddler changes the registry after a link's permission has been looked up, and
// before the broker knows of the link.
type meddler struct {
	amqpfront.Faults
	change func()
}

func (meddler) Frame(amqpwire.Frame) (done bool, err error)     { return false, nil }
func (meddler) Token() (status int32, answered, strikes bool)   { return 0, false, false }
func (meddler) Source(s amqpfront.LockSource) amqpserver.Source { return s }
func (m meddler) Attach() *amqpwire.Error                       { m.change(); return nil }

// TestChangedWhileItAttaches checks that no link slips through that is not permitted
// any more when it is there.
func TestChangedWhileItAttaches(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change    func(w *world)
		condition amqpwire.Symbol
	}{
		"disabled": {func(w *world) { w.update(registry.Identity{ID: dev1ID, Disabled: true}) }, amqpserver.CondUnauthorized},
		"deleted":  {func(w *world) { _ = w.hub.registry.Delete(dev1ID, registry.AnyETag) }, amqpserver.CondNotFound},
		"made anew": {func(w *world) {
			_ = w.hub.registry.Delete(dev1ID, registry.AnyETag)
			_, _ = w.hub.registry.Create(registry.Identity{ID: dev1ID, Authentication: sasAuthentication()})
		}, amqpserver.CondUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				w.hub.amqp = amqpfront.New(amqpfront.Options{
					Broker: w.hub.broker,
					Access: access.New(access.Options{HostNames: []string{testHost}, Registry: w.hub.registry}),
					Faults: func(*amqpserver.Conn, net.Conn) amqpfront.Faults { return meddler{change: func() { test.change(w) }} },
				})
				c := w.device("dev1")
				c.WantRefused(rawclient.ReceiverAttach(0, deviceAddress), test.condition)
				if n := w.hub.broker.Connected(); n != 0 {
					t.Errorf("%d devices are connected, want none", n)
				}
			})
		})
	}
}
