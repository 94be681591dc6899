package localhub

import (
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// TestPermissions checks which links each token is good for.
func TestPermissions(t *testing.T) {
	t.Parallel()
	device := testHost + "/devices/dev1"
	module := device + "/modules/mod1"
	const (
		moduleAddress = "/devices/dev1/modules/mod1/messages/devicebound"
		otherModule   = "/devices/dev1/modules/mod2/messages/devicebound"
		otherDevice   = "/devices/dev2/messages/devicebound"
	)
	type link struct {
		address string
		sends   bool
	}
	all := []link{
		{serviceAddress, true},
		{feedbackAddress, false},
		{deviceAddress, false},
		{eventsAddress, true},
		{otherDevice, false},
		{moduleAddress, false},
		{otherModule, false},
	}
	for _, test := range []struct{ name, policy, resource, allowed string }{
		{"none", "", "", ""},
		{"owner", "iothubowner", testHost, "CFDEOMN"},
		{"service", "service", testHost, "CF"},
		{"device policy", "device", testHost, "DEOMN"},
		{"device policy, one device", "device", device, "DEMN"},
		{"service, one device", "service", device, ""},
		{"registry", "registryReadWrite", testHost, ""},
		{"device", "", device, "DEMN"},
		{"module", "", module, "M"},
		{"service, its endpoint", "service", testHost + "/messages/devicebound", "C"},
		{"service, feedback", "service", testHost + "/messages/serviceBound/feedback", "F"},
		{"service, all its endpoints", "service", testHost + "/messages", "CF"},
		{"owner, an endpoint of one device", "iothubowner", device + "/messages/devicebound", "D"},
		{"device, to receive", "", device + "/messages/devicebound", "D"},
		{"device, to send", "", device + "/messages/events", "E"},
		{"device, messages", "", device + "/messages", "DE"},
		{"device, a path that is no endpoint", "", device + "/api-version=2016-11-14", "DEMN"},
		{"device, in small letters", "", strings.ToLower(device), "DEMN"},
		{"device, in capitals", "", strings.ToUpper(device), "DEMN"},
		{"service, in capitals", "service", strings.ToUpper(testHost + "/messages/devicebound"), "C"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.begun()
				if test.resource != "" {
					c.putToken(token(test.policy, test.resource, time.Hour))
				}
				for i, l := range all {
					a := rawclient.ReceiverAttach(0, l.address)
					if l.sends {
						a = rawclient.SenderAttach(0, l.address)
					}
					if !strings.Contains(test.allowed, "CFDEOMN"[i:i+1]) {
						refused := c.WantRefused(a, amqpserver.CondUnauthorized)
						wantHubError(t, refused, int(broker.Unauthorized))
						continue
					}
					c.Send(0, a)
					if want[*amqpwire.Attach](c); l.sends {
						want[*amqpwire.Flow](c)
					}
					c.Send(0, &amqpwire.Detach{Closed: true})
					want[*amqpwire.Detach](c)
				}
			})
		})
	}
}

// TestTokenExpiry checks that links end when their token does, five minutes of
// clock skew later, to the nanosecond, and only those links.
func TestTokenExpiry(t *testing.T) {
	inWorld(t, Options{LockTimeout: 50 * time.Minute}, func(t *testing.T, w *world) {
		w.enqueue("m1")
		start := time.Now()
		c := w.begun()
		c.putToken(token("", testHost+"/devices/dev1", time.Minute))
		c.putToken(token("", testHost+"/devices/dev2", 4*time.Minute))
		c.Receiver(1, deviceAddress)
		c.Receiver(2, "/devices/dev2/messages/devicebound")
		c.Credit(1, 0, 5)
		c.WantTransfer()
		for _, end := range []struct {
			handle uint32
			after  time.Duration
		}{{1, time.Minute}, {2, 4 * time.Minute}} {
			detach := c.alive(want[*amqpwire.Detach])
			if got, want := time.Since(start), end.after+5*time.Minute; got != want {
				t.Errorf("handle %d: detached after %v, want %v", detach.Handle, got, want)
			}
			if detach.Handle != end.handle || !detach.Closed {
				t.Errorf("detach %+v, want handle %d closed", detach, end.handle)
			}
			wantHubError(t, rawclient.WantCondition(t, "detach", detach.Error, amqpserver.CondUnauthorized), int(broker.Unauthorized))
			// What crosses the detach is ignored.
			c.Credit(end.handle, 0, 50)
			c.Settle(0, &amqpwire.Accepted{})
			c.Send(0, &amqpwire.Detach{Handle: end.handle, Closed: true})
		}
		c.WantNothing()
		c.WantAlive()
		// The message went back when the link ended, not when its lock did.
		if e, ok := w.queueOf("dev1").Take(); !ok || e.DeliveryCount != 0 {
			t.Errorf("took %+v, %v, want the message back, uncounted", e, ok)
		}
	})
}

// alive waits for a frame with a heartbeat sent every 100 s meanwhile.
func (c *raw) alive(wait func(*raw) *amqpwire.Detach) *amqpwire.Detach {
	c.T.Helper()
	ticker := time.NewTicker(100 * time.Second)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-ticker.C:
				c.Send(0, nil)
			case <-stop:
				return
			}
		}
	}()
	defer func() {
		ticker.Stop()
		close(stop)
		<-stopped
	}()
	return wait(c)
}

func TestRenewal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		second time.Duration // the life of the second token, put after 30 s
		want   time.Duration // the link's
	}{
		{"longer", 20 * time.Minute, 30*time.Second + 25*time.Minute},
		{"shorter", time.Minute, 30*time.Second + 6*time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				start := time.Now()
				c := w.begun()
				c.putToken(token("", testHost+"/devices/dev1", 10*time.Minute))
				c.Receiver(1, deviceAddress)
				time.Sleep(30 * time.Second)
				c.putToken(token("", testHost+"/devices/dev1", test.second))
				c.alive(want[*amqpwire.Detach])
				if got := time.Since(start); got != test.want {
					t.Errorf("detached after %v, want %v", got, test.want)
				}
			})
		})
	}
}

// TestSecondTokenTakesOver checks that a link lives as long as any token that
// permits it.
func TestSecondTokenTakesOver(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		start := time.Now()
		c := w.begun()
		c.putToken(token("", testHost+"/devices/dev1", time.Minute))
		c.putToken(token("device", testHost, 30*time.Minute))
		c.Receiver(1, deviceAddress)
		c.alive(want[*amqpwire.Detach])
		if got, want := time.Since(start), 35*time.Minute; got != want {
			t.Errorf("detached after %v, want %v", got, want)
		}
	})
}

// TestExpiredTokenWithinSkew checks both ends of the allowance.
func TestExpiredTokenWithinSkew(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		c.putToken(token("service", testHost, time.Second-5*time.Minute))
		c.Receiver(1, feedbackAddress)
		time.Sleep(time.Second - time.Nanosecond)
		c.WantNothing()
		time.Sleep(time.Nanosecond)
		rawclient.WantCondition(t, "detach", want[*amqpwire.Detach](c).Error, amqpserver.CondUnauthorized)
	})
}

// TestPlainTokenExpiry checks that a token from the login ends as well.
func TestPlainTokenExpiry(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		start := time.Now()
		c := w.connect()
		response := "\x00service@sas.root.myhub\x00" + token("service", testHost, time.Minute)
		c.sasl(GatewayV2, &amqpwire.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte(response)})
		c.Open(&amqpwire.Open{ContainerID: "raw"})
		c.Begin(0, 5000)
		c.Receiver(1, feedbackAddress)
		c.alive(want[*amqpwire.Detach])
		if got, want := time.Since(start), 6*time.Minute; got != want {
			t.Errorf("detached after %v, want %v", got, want)
		}
	})
}
