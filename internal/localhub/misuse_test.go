package localhub

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpserver"
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
		{"handle in use", func(c *raw) { c.send(0, senderAttach(1, "$cbs")) }, amqpserver.CondHandleInUse},
		{"handle of a receiver in use", func(c *raw) { c.send(0, senderAttach(2, "$cbs")) }, amqpserver.CondHandleInUse},
		{"transfer on no link", func(c *raw) { c.transfer(&amqpwire.Transfer{Handle: 5}, c2d("m")) }, amqpserver.CondUnattachedHandle},
		{"transfer on a receiver", func(c *raw) { c.transfer(&amqpwire.Transfer{Handle: 2}, c2d("m")) }, amqpserver.CondUnattachedHandle},
		{"flow on no link", func(c *raw) { c.credit(5, 0, 1) }, amqpserver.CondUnattachedHandle},
		{"detach of no link", func(c *raw) { c.send(0, &amqpwire.Detach{Handle: 5}) }, amqpserver.CondUnattachedHandle},
		{"more than the window", func(c *raw) {
			for range incomingWindow + 1 {
				c.send(0, &amqpwire.Transfer{Handle: 3, More: true}) // on a refused link, where nobody answers
			}
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.begun()
				c.sender(1, "$cbs")
				c.receiver(2, "$cbs")
				c.send(0, senderAttach(3, "/no"))
				want[*amqpwire.Attach](c)
				want[*amqpwire.Detach](c)
				test.do(c)
				if test.condition == "" { // the window is extended in time
					c.wantQuiet(func(r received) {
						if _, ok := r.frame.Body.(*amqpwire.Flow); !ok {
							t.Fatalf("the hub sent %s, want a flow", show(r))
						}
					})
					return
				}
				wantCondition(t, "end", want[*amqpwire.End](c).Error, test.condition)
				// What crosses the end is ignored, until the client answers it.
				c.send(0, senderAttach(7, "$cbs"))
				c.credit(5, 0, 1)
				c.transfer(&amqpwire.Transfer{Handle: 5}, c2d("m"))
				c.wantNothing()
				c.wantAlive()
				c.send(0, &amqpwire.End{})
				c.begin(0, 10)
				c.sender(1, "$cbs")
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
		{"second open", func(c *raw) { c.send(0, &amqpwire.Open{}) }, amqpserver.CondNotAllowed},
		{"second begin", func(c *raw) { c.send(0, &amqpwire.Begin{}) }, amqpserver.CondNotAllowed},
		{"no session", func(c *raw) { c.send(1, senderAttach(1, "$cbs")) }, amqpserver.CondNotAllowed},
		{"end of no session", func(c *raw) { c.send(1, &amqpwire.End{}) }, amqpserver.CondNotAllowed},
		{"channel too high", func(c *raw) { c.send(1025, &amqpwire.Begin{}) }, amqpserver.CondFramingError},
		{"handle too high", func(c *raw) { c.send(0, senderAttach(handleMax+1, "$cbs")) }, amqpserver.CondFramingError},
		{"SASL frame", func(c *raw) { c.send(0, &amqpwire.SASLInit{Mechanism: "PLAIN"}) }, amqpserver.CondFramingError},
		{"frame too short", func(c *raw) { c.write([]byte{0, 0, 0, 7, 2, 0, 0, 0}) }, amqpserver.CondFramingError},
		{"frame too large", func(c *raw) { c.write([]byte{0, 1, 0, 0, 2, 0, 0, 0}) }, amqpserver.CondFramingError},
		{"data offset too large", func(c *raw) { c.write([]byte{0, 0, 0, 8, 3, 0, 0, 0}) }, amqpserver.CondFramingError},
		{"unknown type of frame", func(c *raw) { c.write([]byte{0, 0, 0, 8, 2, 9, 0, 0}) }, amqpserver.CondFramingError},
		{"unknown performative", func(c *raw) { c.write([]byte{0, 0, 0, 12, 2, 0, 0, 0, 0, 0x53, 0x19, 0x45}) }, amqpserver.CondDecodeError},
		{"no performative", func(c *raw) { c.write([]byte{0, 0, 0, 9, 2, 0, 0, 0, 0x40}) }, amqpserver.CondDecodeError},
		{"a protocol header", func(c *raw) { c.sendHeader(amqpwire.HeaderAMQP) }, amqpserver.CondFramingError},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.begun()
				test.do(c)
				c.wantClose(test.condition)
				c.wantEnd()
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
		{"no delivery id", func(c *raw) { c.send(0, &amqpwire.Transfer{}, 1) }, amqpserver.CondNotAllowed},
		{"two messages at once", func(c *raw) {
			c.send(0, first(1), 1)
			c.send(0, first(2), 1)
		}, amqpserver.CondNotAllowed},
		{"larger than a link takes", func(c *raw) {
			for i := range maxMessage/60_000 + 1 {
				transfer := first(1)
				if i > 0 {
					transfer.DeliveryID = nil
				}
				c.send(0, transfer, make([]byte, 60_000)...)
			}
		}, amqpserver.CondTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.service()
				c.sender(0, serviceAddress)
				test.do(c)
				d := want[*amqpwire.Detach](c)
				wantCondition(t, "detach", d.Error, test.condition)
				c.send(0, &amqpwire.Transfer{DeliveryID: new(uint32)}, 1)
				c.credit(0, 0, 1)
				c.wantNothing()
				c.send(0, &amqpwire.Detach{Closed: true})
				c.sender(0, serviceAddress)
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
		c.send(0, senderAttach(0, serviceAddress))
		want[*amqpwire.Attach](c)
		c.wantNothing()
		c.transfer(&amqpwire.Transfer{}, c2d("m"))
		wantCondition(t, "detach", want[*amqpwire.Detach](c).Error, amqpserver.CondTransferLimit)
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
		a := senderAttach(0, "")
		a.Target = &amqpwire.Target{Coordinator: true, Capabilities: []amqpwire.Symbol{"amqp:local-transactions"}}
		wantHubError(t, c.wantRefused(a, amqpserver.CondNotImplemented), int(broker.NotImplemented))
		c.sender(0, serviceAddress)
	})
}

func TestMaxSessions(t *testing.T) {
	t.Parallel()
	perGateway(t, func(t *testing.T, g Gateway) {
		inWorld(t, Options{Gateway: g}, func(t *testing.T, w *world) {
			c := w.loggedIn(g)
			for channel := range gatewayFacts[g].beyond {
				c.begin(channel, 1)
			}
			c.send(gatewayFacts[g].beyond, &amqpwire.Begin{})
			c.wantClose(amqpserver.CondFramingError)
		})
	})
}

func TestMaxLinks(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.service()
		c.begin(1, 1)
		for handle := range uint32(maxLinks - 1) {
			c.receiver(handle, "$cbs")
		}
		c.send(1, receiverAttach(0, "/no")) // a refused one counts until it is gone
		want[*amqpwire.Attach](c)
		want[*amqpwire.Detach](c)
		c.send(0, receiverAttach(maxLinks, "$cbs"))
		wantCondition(t, "end", want[*amqpwire.End](c).Error, amqpserver.CondLimitExceeded)
		c.send(0, &amqpwire.End{})
		c.begin(0, 1)
		for handle := range uint32(10) {
			c.receiver(handle, "$cbs")
		}
	})
}

func TestMaxConnections(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.hub.open = maxConnections - 1
		last := w.opened()
		one := w.connect()
		one.wantEnd()
		_ = last.net.Close()
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
		p.wantEnd()
		c.wantNothing()
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
