package localhub

import (
	"net"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// TestSlowHandshake checks clients that stop somewhere on the way to an open
// connection: they have 30 s, then another 30 s after the first bytes.
func TestSlowHandshake(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		say  func(c *raw)
		want time.Duration
	}{
		{"nothing", func(*raw) {}, 30 * time.Second},
		{"one byte", func(c *raw) { c.Write([]byte("A")) }, 30 * time.Second},
		{"a header", func(c *raw) { c.SendHeader(amqpwire.HeaderAMQP) }, 30 * time.Second},
		{"a SASL header", func(c *raw) { c.SendHeader(amqpwire.HeaderSASL) }, 30 * time.Second},
		{"half an open", func(c *raw) {
			c.SendHeader(amqpwire.HeaderAMQP)
			c.Write([]byte{0, 0, 0, 99, 2})
		}, 30 * time.Second},
		{"a byte now and then", func(c *raw) {
			for _, b := range amqpwire.HeaderAMQP {
				c.Write([]byte{b})
				time.Sleep(3 * time.Second)
			}
		}, 21*time.Second + 30*time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				start := time.Now()
				c := w.connect()
				test.say(c)
				<-c.Over
				if got := time.Since(start); got != test.want {
					t.Errorf("dropped after %v, want %v", got, test.want)
				}
			})
		})
	}
}

// TestClientThatDoesNotRead checks that such a client is dropped after a
// minute, and that nobody else has to wait for it.
func TestClientThatDoesNotRead(t *testing.T) {
	inWorld(t, Options{MaxQueue: 1000}, func(t *testing.T, w *world) {
		near, far := net.Pipe()
		over := make(chan struct{})
		w.served.Go(func() {
			defer close(over)
			w.hub.ServeConn(far)
		})
		c := &raw{rawclient.NewWithRoom(t, near, 8)}
		c.Open(&amqpwire.Open{ContainerID: "raw"})
		c.Begin(0, 5000)
		c.putToken(token("", testHost+"/devices/dev1", time.Hour))
		c.Receiver(0, deviceAddress)
		// From here on nobody takes what the client reads, so it stops to.
		start := time.Now()
		// In a goroutine: when the hub's buffers are full it does not read either.
		w.served.Go(func() {
			c.Credit(0, 0, 1000)
			for c.Net.SetWriteDeadline(time.Now().Add(time.Hour)) == nil {
				if _, err := c.Net.Write([]byte{0, 0, 0, 8, 2, 0, 0, 0}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		for range 200 {
			w.enqueue("m")
		}
		other := w.service()
		other.Sender(0, serviceAddress)
		for range 20 {
			m := c2d("x")
			m.Properties.To = "/devices/dev2/messages/devicebound"
			if refused := other.sendC2D(m); refused != nil {
				t.Fatal(refused)
			}
		}
		if got := time.Since(start); got != 0 {
			t.Errorf("the others had to wait for %v", got)
		}
		<-over
		if got := time.Since(start); got != writeTimeout {
			t.Errorf("dropped after %v, want %v", got, writeTimeout)
		}
		c.WantQuiet(func(rawclient.Received) {}) // let the client end
		// Nothing is lost: locks run out.
		time.Sleep(time.Minute)
		for range 200 {
			if _, ok := w.queueOf("dev1").Take(); !ok {
				t.Fatal("a message is lost")
			}
		}
	})
}
