package amqpserver

import (
	"testing"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// TestMisuseEndsSession checks breaches of the rules of a session: they end the
// session, and the connection lives on.
func TestMisuseEndsSession(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		do        func(c *client)
		condition amqpwire.Symbol
	}{
		{"handle in use", func(c *client) { c.Send(0, rawclient.SenderAttach(1, "q")) }, CondHandleInUse},
		{"handle of a receiver in use", func(c *client) { c.Send(0, rawclient.SenderAttach(2, "q")) }, CondHandleInUse},
		{"handle of a refused link in use", func(c *client) { c.Send(0, rawclient.SenderAttach(3, "q")) }, CondHandleInUse},
		{"transfer on no link", func(c *client) { c.Transfer(&amqpwire.Transfer{Handle: 5}, nil) }, CondUnattachedHandle},
		{"transfer on a receiver", func(c *client) { c.Transfer(&amqpwire.Transfer{Handle: 2}, nil) }, CondUnattachedHandle},
		{"flow on no link", func(c *client) { c.Credit(5, 0, 1) }, CondUnattachedHandle},
		{"detach of no link", func(c *client) { c.Send(0, &amqpwire.Detach{Handle: 5}) }, CondUnattachedHandle},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.begun()
				c.Sender(1, "q")
				c.Receiver(2, "q")
				c.Send(0, rawclient.SenderAttach(3, "/no"))
				rawclient.Want[*amqpwire.Attach](c)
				rawclient.Want[*amqpwire.Detach](c)
				c.Begin(1, 10)
				test.do(c)
				rawclient.WantCondition(t, "end", rawclient.Want[*amqpwire.End](c).Error, test.condition)
				// What crosses the end is ignored, until the client answers it.
				c.Send(0, rawclient.SenderAttach(7, "q"))
				c.Credit(5, 0, 1)
				c.Transfer(&amqpwire.Transfer{Handle: 1}, nil)
				c.WantNothing()
				c.WantAlive()
				c.Send(1, rawclient.SenderAttach(0, "q")) // the other session's
				rawclient.Want[*amqpwire.Attach](c)
				rawclient.Want[*amqpwire.Flow](c)
				c.Send(0, &amqpwire.End{})
				c.Begin(0, 10)
				c.Sender(1, "q")
			})
		})
	}
}

// TestMisuseEndsConnection checks breaches after which the stream or the peer
// cannot be trusted.
func TestMisuseEndsConnection(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		do        func(c *client)
		condition amqpwire.Symbol
	}{
		{"second open", func(c *client) { c.Send(0, &amqpwire.Open{}) }, CondNotAllowed},
		{"second begin", func(c *client) { c.Send(0, &amqpwire.Begin{}) }, CondNotAllowed},
		{"no session", func(c *client) { c.Send(1, rawclient.SenderAttach(1, "q")) }, CondNotAllowed},
		{"end of no session", func(c *client) { c.Send(1, &amqpwire.End{}) }, CondNotAllowed},
		{"channel too high", func(c *client) { c.Send(1025, &amqpwire.Begin{}) }, CondFramingError},
		{"handle too high", func(c *client) { c.Send(0, rawclient.SenderAttach(handleMax+1, "q")) }, CondFramingError},
		{"SASL frame", func(c *client) { c.Send(0, &amqpwire.SASLInit{Mechanism: "PLAIN"}) }, CondFramingError},
		{"frame too short", func(c *client) { c.Write([]byte{0, 0, 0, 7, 2, 0, 0, 0}) }, CondFramingError},
		{"frame too large", func(c *client) { c.Write([]byte{0, 1, 0, 1, 2, 0, 0, 0}) }, CondFramingError},
		{"data offset too large", func(c *client) { c.Write([]byte{0, 0, 0, 8, 3, 0, 0, 0}) }, CondFramingError},
		{"unknown type of frame", func(c *client) { c.Write([]byte{0, 0, 0, 8, 2, 9, 0, 0}) }, CondFramingError},
		{"unknown performative", func(c *client) { c.Write([]byte{0, 0, 0, 12, 2, 0, 0, 0, 0, 0x53, 0x19, 0x45}) }, CondDecodeError},
		{"no performative", func(c *client) { c.Write([]byte{0, 0, 0, 9, 2, 0, 0, 0, 0x40}) }, CondDecodeError},
		{"a protocol header", func(c *client) { c.SendHeader(amqpwire.HeaderAMQP) }, CondFramingError},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{ChannelMax: 1024}, func(t *testing.T, w *world) {
				c := w.begun()
				test.do(c)
				c.WantClose(test.condition)
				c.WantEnd()
				w.wantEnded(":")
				w.begun() // others are not disturbed
			})
		})
	}
}

// TestMisuseDetachesLink checks breaches of the rules of a link. What the client
// goes on to send has crossed the detach.
func TestMisuseDetachesLink(t *testing.T) {
	t.Parallel()
	first := func(id uint32) *amqpwire.Transfer { return &amqpwire.Transfer{DeliveryID: &id, More: true} }
	for _, test := range []struct {
		name string
		do   func(c *client)
		want string
	}{
		{"no delivery id", func(c *client) { c.Send(0, &amqpwire.Transfer{}, 1) }, "amqp:not-allowed: The first transfer of a message has no delivery-id."},
		{"two messages at once", func(c *client) {
			c.Send(0, first(1), 1)
			c.Send(0, first(2), 1)
		}, "amqp:not-allowed: Delivery 2 began before delivery 1 had ended."},
		{"larger than a link takes", func(c *client) {
			c.Send(0, first(1), make([]byte, 60_000)...)
			c.Send(0, &amqpwire.Transfer{More: true}, make([]byte, 40_001)...)
		}, "amqp:link:message-size-exceeded: Not more than 100000."},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				w.queue("q").maxSize = 100_000
				c := w.begun()
				c.Sender(0, "q")
				test.do(c)
				if d := rawclient.Want[*amqpwire.Detach](c); !d.Closed || d.Error.Error() != test.want {
					t.Errorf("detach %+v with %v, want %s", d, d.Error, test.want)
				}
				c.Send(0, &amqpwire.Transfer{DeliveryID: new(uint32)}, 1)
				c.Credit(0, 0, 1)
				c.WantNothing()
				c.Send(0, &amqpwire.Detach{Closed: true})
				c.Sender(0, "q")
			})
		})
	}
}
