package amqpserver

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

func TestBeginAndAttachReplies(t *testing.T) {
	inWorld(t, Options{OmitNextIncomingID: true}, func(t *testing.T, w *world) {
		c := w.opened(0)
		begin := c.Begin(7, 1234)
		wantBegin := &amqpwire.Begin{
			RemoteChannel: new(uint16(7)), NextOutgoingID: 1,
			IncomingWindow: 5000, OutgoingWindow: 1234, HandleMax: new(uint32(262143)),
		}
		if diff := cmp.Diff(wantBegin, begin); diff != "" {
			t.Errorf("begin (-want +got):\n%s", diff)
		}
		properties := amqpwire.Map{{Key: amqpwire.Symbol("client-version"), Value: "raw/1.0"}}
		c.Send(7, &amqpwire.Attach{
			Name: "link", Handle: 3, Role: amqpwire.RoleSender,
			Source:               &amqpwire.Source{Address: "me", Durable: 2, Timeout: 60},
			Target:               &amqpwire.Target{Address: "q", Durable: 2},
			InitialDeliveryCount: new(uint32(5)), Properties: properties,
		})
		wantAttach := &amqpwire.Attach{
			Name: "link", Handle: 3, Role: amqpwire.RoleReceiver,
			Source: &amqpwire.Source{Address: "me"}, Target: &amqpwire.Target{Address: "q"},
			MaxMessageSize: new(uint64(1048576)), Properties: properties,
		}
		if diff := cmp.Diff(wantAttach, rawclient.Want[*amqpwire.Attach](c)); diff != "" {
			t.Errorf("attach (-want +got):\n%s", diff)
		}
		wantFlow := &amqpwire.Flow{
			IncomingWindow: 5000, NextOutgoingID: 1, OutgoingWindow: 1234,
			Handle: new(uint32(3)), DeliveryCount: new(uint32(5)), LinkCredit: new(uint32(100)), Available: new(uint32),
		}
		if diff := cmp.Diff(wantFlow, rawclient.Want[*amqpwire.Flow](c)); diff != "" {
			t.Errorf("flow (-want +got):\n%s", diff)
		}
		c.Send(7, rawclient.ReceiverAttach(4, "q"))
		reply := rawclient.Want[*amqpwire.Attach](c)
		if reply.InitialDeliveryCount == nil || *reply.InitialDeliveryCount != 0 || reply.Role != amqpwire.RoleSender {
			t.Errorf("attach = %+v, want a sender with the initial delivery count 0", reply)
		}
		c.WantNothing()
	})
}

// TestRefusedAttach checks both directions, and that a refused link keeps its
// handle, in silence, until the client has detached it.
func TestRefusedAttach(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		c.WantRefused(rawclient.SenderAttach(0, "/no"), CondNotFound)
		c.WantRefused(rawclient.ReceiverAttach(0, "/no"), CondNotFound)
		if !w.logged("link detached", "link=in", "condition=amqp:not-found", "reason=There is no /no.") {
			t.Errorf("log %q, want the refusal", w.lines)
		}
		c.Send(0, rawclient.SenderAttach(1, "/no"))
		rawclient.Want[*amqpwire.Attach](c)
		rawclient.Want[*amqpwire.Detach](c)
		c.Transfer(&amqpwire.Transfer{Handle: 1}, []byte("m"))
		c.Send(0, &amqpwire.Flow{Handle: new(uint32(1)), NextIncomingID: new(uint32(1)), Echo: true})
		c.WantNothing()
		c.Send(0, rawclient.SenderAttach(1, "q"))
		rawclient.WantCondition(t, "end", rawclient.Want[*amqpwire.End](c).Error, CondHandleInUse)
	})
}

// TestSettleModesAreEchoed checks every combination on both kinds of link.
func TestSettleModesAreEchoed(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		for _, snd := range []*uint8{nil, new(uint8(0)), new(uint8(1)), new(uint8(2))} {
			for _, rcv := range []*uint8{nil, new(uint8(0)), new(uint8(1))} {
				for _, a := range []*amqpwire.Attach{rawclient.SenderAttach(5, "q"), rawclient.ReceiverAttach(5, "q")} {
					a.SndSettleMode, a.RcvSettleMode = snd, rcv
					c.Send(0, a)
					reply := rawclient.Want[*amqpwire.Attach](c)
					if !equal(reply.SndSettleMode, snd) || !equal(reply.RcvSettleMode, rcv) {
						t.Errorf("attach %+v, want the modes of %+v", reply, a)
					}
					if a.Role == amqpwire.RoleSender {
						rawclient.Want[*amqpwire.Flow](c)
					}
					c.Send(0, &amqpwire.Detach{Handle: 5, Closed: true})
					if d := rawclient.Want[*amqpwire.Detach](c); d.Error != nil || !d.Closed || d.Handle != 5 {
						t.Errorf("detach %+v", d)
					}
				}
			}
		}
	})
}

func equal[T comparable](a, b *T) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// TestSendAndReceive passes messages through a queue, the format with them.
func TestSendAndReceive(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		c.Sender(0, "q")
		c.Receiver(1, "q")
		for id := range uint32(3) {
			c.Transfer(&amqpwire.Transfer{DeliveryID: &id, MessageFormat: new(9 + id)}, []byte("message"))
			if d := rawclient.Want[*amqpwire.Disposition](c); d.First != id || !d.Settled || d.Role != amqpwire.RoleReceiver {
				t.Errorf("disposition %+v, want delivery %d settled", d, id)
			}
		}
		c.Credit(1, 0, 10)
		for id := range uint32(3) {
			transfer, payload := c.WantTransfer()
			if *transfer.DeliveryID != id || *transfer.MessageFormat != 9+id || transfer.Settled || string(payload) != "message" {
				t.Errorf("transfer %+v of %q", transfer, payload)
			}
			c.Settle(id, &amqpwire.Accepted{})
		}
		c.WantNothing()
		if got, want := w.queue("q").took(), "message accepted(), message accepted(), message accepted()"; got != want {
			t.Errorf("the queue heard %q, want %q", got, want)
		}
	})
}
