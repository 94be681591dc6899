package localhub

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/fault"
)

// TestMisuseEndsSession checks breaches of the rules of a session: they end the
// session, and the connection lives on.
func TestMisuseEndsSession(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		do        func(c *raw)
		condition amqpwire.Symbol
	}{
		{"handle in use", func(c *raw) { c.Send(0, rawclient.SenderAttach(1, "$cbs")) }, amqpserver.CondHandleInUse},
		{"handle of a receiver in use", func(c *raw) { c.Send(0, rawclient.SenderAttach(2, "$cbs")) }, amqpserver.CondHandleInUse},
		{"transfer on no link", func(c *raw) { c.transfer(&amqpwire.Transfer{Handle: 5}, c2d("m")) }, amqpserver.CondUnattachedHandle},
		{"transfer on a receiver", func(c *raw) { c.transfer(&amqpwire.Transfer{Handle: 2}, c2d("m")) }, amqpserver.CondUnattachedHandle},
		{"flow on no link", func(c *raw) { c.Credit(5, 0, 1) }, amqpserver.CondUnattachedHandle},
		{"detach of no link", func(c *raw) { c.Send(0, &amqpwire.Detach{Handle: 5}) }, amqpserver.CondUnattachedHandle},
		{"more than the window", func(c *raw) {
			for range incomingWindow + 1 {
				c.Send(0, &amqpwire.Transfer{Handle: 3, More: true}) // on a refused link, where nobody answers
			}
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.begun()
				c.Sender(1, "$cbs")
				c.Receiver(2, "$cbs")
				c.Send(0, rawclient.SenderAttach(3, "/no"))
				want[*amqpwire.Attach](c)
				want[*amqpwire.Detach](c)
				test.do(c)
				if test.condition == "" { // the window is extended in time
					c.WantQuiet(func(r rawclient.Received) {
						if _, ok := r.Frame.Body.(*amqpwire.Flow); !ok {
							t.Fatalf("the hub sent %s, want a flow", rawclient.Show(r))
						}
					})
					return
				}
				rawclient.WantCondition(t, "end", want[*amqpwire.End](c).Error, test.condition)
				// What crosses the end is ignored, until the client answers it.
				c.Send(0, rawclient.SenderAttach(7, "$cbs"))
				c.Credit(5, 0, 1)
				c.transfer(&amqpwire.Transfer{Handle: 5}, c2d("m"))
				c.WantNothing()
				c.WantAlive()
				c.Send(0, &amqpwire.End{})
				c.Begin(0, 10)
				c.Sender(1, "$cbs")
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
		do        func(c *raw)
		condition amqpwire.Symbol
	}{
		{"second open", func(c *raw) { c.Send(0, &amqpwire.Open{}) }, amqpserver.CondNotAllowed},
		{"second begin", func(c *raw) { c.Send(0, &amqpwire.Begin{}) }, amqpserver.CondNotAllowed},
		{"no session", func(c *raw) { c.Send(1, rawclient.SenderAttach(1, "$cbs")) }, amqpserver.CondNotAllowed},
		{"end of no session", func(c *raw) { c.Send(1, &amqpwire.End{}) }, amqpserver.CondNotAllowed},
		{"channel too high", func(c *raw) { c.Send(1025, &amqpwire.Begin{}) }, amqpserver.CondFramingError},
		{"handle too high", func(c *raw) { c.Send(0, rawclient.SenderAttach(handleMax+1, "$cbs")) }, amqpserver.CondFramingError},
		{"SASL frame", func(c *raw) { c.Send(0, &amqpwire.SASLInit{Mechanism: "PLAIN"}) }, amqpserver.CondFramingError},
		{"frame too short", func(c *raw) { c.Write([]byte{0, 0, 0, 7, 2, 0, 0, 0}) }, amqpserver.CondFramingError},
		{"frame too large", func(c *raw) { c.Write([]byte{0, 1, 0, 0, 2, 0, 0, 0}) }, amqpserver.CondFramingError},
		{"data offset too large", func(c *raw) { c.Write([]byte{0, 0, 0, 8, 3, 0, 0, 0}) }, amqpserver.CondFramingError},
		{"unknown type of frame", func(c *raw) { c.Write([]byte{0, 0, 0, 8, 2, 9, 0, 0}) }, amqpserver.CondFramingError},
		{"unknown performative", func(c *raw) { c.Write([]byte{0, 0, 0, 12, 2, 0, 0, 0, 0, 0x53, 0x19, 0x45}) }, amqpserver.CondDecodeError},
		{"no performative", func(c *raw) { c.Write([]byte{0, 0, 0, 9, 2, 0, 0, 0, 0x40}) }, amqpserver.CondDecodeError},
		{"a protocol header", func(c *raw) { c.SendHeader(amqpwire.HeaderAMQP) }, amqpserver.CondFramingError},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.begun()
				test.do(c)
				c.WantClose(test.condition)
				c.WantEnd()
				w.begun() // others are not disturbed
			})
		})
	}
}

// TestMisuseDetachesLink checks breaches of the rules of a link.
func TestMisuseDetachesLink(t *testing.T) {
	t.Parallel()
	first := func(id uint32) *amqpwire.Transfer { return &amqpwire.Transfer{DeliveryID: &id, More: true} }
	for _, test := range []struct {
		name      string
		do        func(c *raw)
		condition amqpwire.Symbol
	}{
		{"no delivery id", func(c *raw) { c.Send(0, &amqpwire.Transfer{}, 1) }, amqpserver.CondNotAllowed},
		{"two messages at once", func(c *raw) {
			c.Send(0, first(1), 1)
			c.Send(0, first(2), 1)
		}, amqpserver.CondNotAllowed},
		{"larger than a link takes", func(c *raw) {
			for i := range maxMessage/60_000 + 1 {
				transfer := first(1)
				if i > 0 {
					transfer.DeliveryID = nil
				}
				c.Send(0, transfer, make([]byte, 60_000)...)
			}
		}, amqpserver.CondTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.service()
				c.Sender(0, serviceAddress)
				test.do(c)
				d := want[*amqpwire.Detach](c)
				rawclient.WantCondition(t, "detach", d.Error, test.condition)
				c.Send(0, &amqpwire.Transfer{DeliveryID: new(uint32)}, 1)
				c.Credit(0, 0, 1)
				c.WantNothing()
				c.Send(0, &amqpwire.Detach{Closed: true})
				c.Sender(0, serviceAddress)
			})
		})
	}
}

// TestNoCredit checks that a message without credit ends the link. A client
// cannot get there honestly unless credit is withheld, for it is granted in time.
func TestNoCredit(t *testing.T) {
	faults, err := fault.NewInjector(fault.Faults{List: []fault.Fault{{Name: fault.WithholdCredit}}})
	if err != nil {
		t.Fatal(err)
	}
	inWorld(t, Options{Faults: faults}, func(t *testing.T, w *world) {
		c := w.service()
		c.Send(0, rawclient.SenderAttach(0, serviceAddress))
		want[*amqpwire.Attach](c)
		c.WantNothing()
		c.transfer(&amqpwire.Transfer{}, c2d("m"))
		rawclient.WantCondition(t, "detach", want[*amqpwire.Detach](c).Error, amqpserver.CondTransferLimit)
		if n := w.queueOf("dev1").Len(); n != 0 {
			t.Errorf("%d messages arrived", n)
		}
	})
}

// TestNoTransactions checks that a client which wants transactions is told that
// there are none, and may go on without.
func TestNoTransactions(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.service()
		a := rawclient.SenderAttach(0, "")
		a.Target = &amqpwire.Target{Coordinator: true, Capabilities: []amqpwire.Symbol{"amqp:local-transactions"}}
		wantHubError(t, c.WantRefused(a, amqpserver.CondNotImplemented), int(broker.NotImplemented))
		c.Sender(0, serviceAddress)
	})
}

func TestMaxSessions(t *testing.T) {
	t.Parallel()
	perGateway(t, func(t *testing.T, g Gateway) {
		inWorld(t, Options{Gateway: g}, func(t *testing.T, w *world) {
			c := w.loggedIn(g)
			for channel := range gatewayFacts[g].beyond {
				c.Begin(channel, 1)
			}
			c.Send(gatewayFacts[g].beyond, &amqpwire.Begin{})
			c.WantClose(amqpserver.CondFramingError)
		})
	})
}

func TestMaxLinks(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.service()
		c.Begin(1, 1)
		for handle := range uint32(maxLinks - 1) {
			c.Receiver(handle, "$cbs")
		}
		c.Send(1, rawclient.ReceiverAttach(0, "/no")) // a refused one counts until it is gone
		want[*amqpwire.Attach](c)
		want[*amqpwire.Detach](c)
		c.Send(0, rawclient.ReceiverAttach(maxLinks, "$cbs"))
		rawclient.WantCondition(t, "end", want[*amqpwire.End](c).Error, amqpserver.CondLimitExceeded)
		c.Send(0, &amqpwire.End{})
		c.Begin(0, 1)
		for handle := range uint32(10) {
			c.Receiver(handle, "$cbs")
		}
	})
}

func TestMaxConnections(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.hub.open = maxConnections - 1
		last := w.opened()
		one := w.connect()
		one.WantEnd()
		_ = last.Net.Close()
		synctest.Wait()
		w.opened()
		w.hub.mu.Lock()
		w.hub.open -= maxConnections - 1
		w.hub.mu.Unlock()
	})
}

// TestLogIsQuiet checks that no secret gets into the log.
func TestLogIsQuiet(t *testing.T) {
	var log logLines
	inWorld(t, Options{Logger: newLogger(&log)}, func(t *testing.T, w *world) {
		c := w.begun()
		text := token("service", testHost, time.Hour)
		c.putToken(text)
		c.attachCBS()
		for _, bad := range []string{text[:len(text)-3] + "xyz", strings.Replace(text, "sig=", "sig=A", 1), "x" + text} {
			c.request(putTokenRequest(bad, nil))
		}
		p := w.connect()
		p.sasl(GatewayV2, &amqpwire.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("\x00a@sas.root.myhub\x00" + text)})
		p.WantEnd()
		c.WantNothing()
		sig := text[strings.Index(text, "sig=")+4:][:20]
		for _, secret := range []string{sig, defaults.Key().Base64()} {
			if log.has(secret) {
				t.Errorf("the log holds a secret")
			}
		}
		if !log.has("token refused") || !log.has("token accepted") {
			t.Errorf("the log says nothing of tokens: %q", fmt.Sprint(log.lines))
		}
	})
}
