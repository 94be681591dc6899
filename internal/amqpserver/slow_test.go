package amqpserver

import (
	"net"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// TestSlowHandshake checks clients that stop somewhere on the way to an open
// connection.
func TestSlowHandshake(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		limit time.Duration
		say   func(c *client)
		want  time.Duration
	}{
		{"nothing", 0, func(*client) {}, 30 * time.Second},
		{"other limit", time.Second, func(*client) {}, time.Second},
		{"one byte", 0, func(c *client) { c.Write([]byte("A")) }, 30 * time.Second},
		{"a header", 0, func(c *client) { c.SendHeader(amqpwire.HeaderAMQP) }, 30 * time.Second},
		{"a SASL header", 0, func(c *client) { c.SendHeader(amqpwire.HeaderSASL) }, 30 * time.Second},
		{"half an open", 0, func(c *client) {
			c.SendHeader(amqpwire.HeaderAMQP)
			c.Write([]byte{0, 0, 0, 99, 2})
		}, 30 * time.Second},
		{"a byte now and then", 0, func(c *client) {
			for _, b := range amqpwire.HeaderAMQP {
				c.Write([]byte{b})
				time.Sleep(3 * time.Second)
			}
		}, 30 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{HandshakeTimeout: test.limit}, func(t *testing.T, w *world) {
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

// TestClientThatDoesNotRead checks that such a client is dropped after a minute,
// that nobody else has to wait for it, and that what it has not read is not lost.
func TestClientThatDoesNotRead(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		near, far := net.Pipe()
		w.serve(far)
		c := rawclient.NewWithRoom(t, near, 8)
		c.Open(&amqpwire.Open{ContainerID: "raw"})
		c.Begin(0, 5000)
		c.Receiver(0, "q")
		// From here on nobody takes what the client reads, so it stops to.
		start := time.Now()
		// In a goroutine: when the server's buffers are full it does not read either.
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
			w.queue("q").put("m")
		}
		other := w.begun()
		other.Sender(0, "other")
		for range 20 {
			other.Transfer(&amqpwire.Transfer{}, []byte("m"))
			rawclient.Want[*amqpwire.Disposition](other)
		}
		if got := time.Since(start); got != 0 {
			t.Errorf("the others had to wait for %v", got)
		}
		time.Sleep(writeTimeout - 1)
		if n := w.ended(); n != 0 {
			t.Errorf("%d connections have ended, want none yet", n)
		}
		time.Sleep(time.Nanosecond)
		w.wantEnded("i/o timeout")
		q := w.queue("q")
		if got := len(q.held) + len(q.ready); got != 200 {
			t.Errorf("%d messages are held or waiting, want all 200", got)
		}
	})
}
