package mqttfront

import (
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
)

// TestKeepAlive checks how long clients may be silent.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		keepAlive uint16
		patience  time.Duration
	}{
		{1, 1500 * time.Millisecond},
		{60, 90 * time.Second},
		{1178, 1767 * time.Second},
		{1200, 1767 * time.Second},
		{65535, 1767 * time.Second},
		{0, 1767 * time.Second},
	} {
		t.Run(test.patience.String(), func(t *testing.T) {
			inWorld(t, settings{}, func(t *testing.T, w *world) {
				c := w.connect()
				w.wantIn(c, changed("dev1", func(p *mqttwire.Connect) {
					p.KeepAlive, p.Password = test.keepAlive, token(testHost, "", 24*time.Hour)
				}), false)
				time.Sleep(test.patience - time.Millisecond)
				c.WantAlive()
				time.Sleep(test.patience - time.Millisecond)
				c.Send(&mqttwire.PubAck{ID: 9}) // any packet counts
				start := time.Now()
				c.WantEnd()
				if got := time.Since(start); got != test.patience {
					t.Errorf("hung up after %v, want %v", got, test.patience)
				}
				w.wantEnded("nothing was heard from the client for " + test.patience.String())
			})
		})
	}
}

// TestSlowToConnect checks how long a CONNECT may take.
func TestSlowToConnect(t *testing.T) {
	t.Parallel()
	for _, sent := range []string{"", "\x10", "\x10\x80", "\x10\x20\x00\x04MQTT"} {
		t.Run(sent, func(t *testing.T) {
			inWorld(t, settings{}, func(t *testing.T, w *world) {
				c := w.connect()
				c.Write([]byte(sent))
				start := time.Now()
				c.WantEnd()
				if got := time.Since(start); got != connectTimeout {
					t.Errorf("hung up after %v, want %v", got, connectTimeout)
				}
			})
		})
	}
}

// TestTokenEnds checks that a connection ends with its token, five minutes late,
// and that what is in the device's hands is ready again.
func TestTokenEnds(t *testing.T) {
	inWorld(t, settings{broker: broker.Options{LockTimeout: time.Hour}}, func(t *testing.T, w *world) {
		c := w.connect()
		w.wantIn(c, changed("dev1", func(p *mqttwire.Connect) {
			p.KeepAlive, p.Password = 0, token(testHost+"/devices/dev1", "", 10*time.Minute)
		}), false)
		c.Subscribe(mqttwire.AtLeastOnce, messages)
		w.enqueue("m1")
		wantMessage(c, "m1", false)
		start := time.Now()
		c.WantEnd()
		if got := time.Since(start); got != 15*time.Minute {
			t.Errorf("hung up after %v, want 15m", got)
		}
		w.wantEnded("expired")
		if w.mailbox(dev1).Empty() {
			t.Error("the message is still locked")
		}
		wantMessage(w.device(true), "m1", true)
	})
}

// TestRenewal renews a token as SDKs do: a new connection before the old one ends.
func TestRenewal(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		w.bye(w.subscribed(mqttwire.AtLeastOnce))
		for range 20 {
			c := w.connect()
			w.wantIn(c, changed("dev1", func(p *mqttwire.Connect) { p.KeepAlive = 0 }), true)
			time.Sleep(25 * time.Minute)
			c.WantAlive()
			w.bye(c)
		}
		w.enqueue("m1")
		wantMessage(w.device(true), "m1", false)
	})
}

// TestWill checks which ends are telemetry.
func TestWill(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(w *world, c *rawclient.Client)
		want int64
	}{
		"goodbye": {func(w *world, c *rawclient.Client) { w.bye(c) }, 0},
		"hang up": {func(_ *world, c *rawclient.Client) { c.HangUp() }, 1},
		"misuse":  {func(_ *world, c *rawclient.Client) { c.Send(&mqttwire.PingResp{}) }, 1},
		"silent":  {func(_ *world, c *rawclient.Client) { c.WantEnd() }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, settings{}, func(t *testing.T, w *world) {
				c := w.connect()
				w.wantIn(c, changed("dev1", func(p *mqttwire.Connect) { p.Will = &mqttwire.Will{Topic: events, Payload: []byte("x")} }), false)
				test.end(w, c)
				synctest.Wait()
				if got := w.front.Telemetry(); got != test.want {
					t.Errorf("%d messages of telemetry, want %d", got, test.want)
				}
			})
		})
	}
}

// TestLastWordsCount checks a client that does everything at once and hangs up.
func TestLastWordsCount(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		c := w.subscribed(mqttwire.AtLeastOnce)
		w.enqueue("m1")
		p := wantMessage(c, "m1", false)
		c.Send(&mqttwire.PubAck{ID: p.ID}, &mqttwire.Publish{QoS: 1, ID: 1, Topic: events}, &mqttwire.Disconnect{})
		c.HangUp()
		synctest.Wait()
		w.wantEnded("<nil>")
		w.wantFeedback("m1 Success")
		if got := w.front.Telemetry(); got != 1 {
			t.Errorf("%d messages of telemetry, want 1", got)
		}
	})
}

// TestHubCloses checks that clients are let go of, the silent ones too.
func TestHubCloses(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		new, old := w.connect(), w.device(false)
		synctest.Wait()
		start := time.Now()
		w.cancel()
		new.WantEnd()
		old.WantEnd()
		w.served.Wait()
		if got := time.Since(start); got != 0 {
			t.Errorf("gone after %v, want at once", got)
		}
	})
}

// TestSlowReader checks that a client which reads nothing is let go of.
func TestSlowReader(t *testing.T) {
	inWorld(t, settings{broker: broker.Options{LockTimeout: time.Hour}}, func(t *testing.T, w *world) {
		near, far := net.Pipe()
		start := time.Now()
		w.served.Go(func() { w.serve(far, nil) })
		c := rawclient.NewWithRoom(t, near, 1)
		w.wantIn(c, changed("dev1", func(p *mqttwire.Connect) { p.KeepAlive = 0 }), false)
		c.Subscribe(mqttwire.AtLeastOnce, messages)
		for range 10 {
			w.put(dev1, &broker.Message{To: "t", Body: []byte(strings.Repeat("x", 60_000))})
		}
		w.served.Wait()
		if got := time.Since(start); got != writeTimeout+goodbye {
			t.Errorf("let go of after %v, want %v", got, writeTimeout+goodbye)
		}
		w.wantEnded("timeout")
	})
}
