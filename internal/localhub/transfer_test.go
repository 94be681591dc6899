package localhub

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

func diffMessages(want, got *amqpwire.Message) string { return cmp.Diff(want, got) }

// bulky returns a message to dev1 with a body that no two places of which look
// the same.
func bulky(size int) *amqpwire.Message {
	m := c2d("bulky")
	m.Data[0] = make([]byte, size)
	for i := range m.Data[0] {
		m.Data[0][i] = byte(i ^ i>>8)
	}
	return m
}

// TestMultiFrameReceive checks that frames are as large as the client takes and
// no larger, and that the pieces make up the message.
func TestMultiFrameReceive(t *testing.T) {
	t.Parallel()
	for _, size := range []uint32{1, 512, 513, 4096, 65535, 1 << 31} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.connect()
				c.Open(&amqpwire.Open{ContainerID: "raw", MaxFrameSize: &size})
				c.Begin(0, 5000)
				c.putToken(token("", testHost+"/devices/dev1", time.Hour))
				c.Receiver(0, deviceAddress)
				m := bulky(60_000)
				w.put(m)
				c.Credit(0, 0, 1)
				var whole []byte
				limit := int(min(max(size, 512), 65535))
				for frames := 0; ; frames++ {
					transfer, payload := c.WantTransfer()
					if first := frames == 0; first != (transfer.DeliveryID != nil) || first != (len(transfer.DeliveryTag) == 16) {
						t.Errorf("frame %d: %+v, want id and tag on the first only", frames, transfer)
					}
					b, err := amqpwire.AppendFrame(nil, amqpwire.Frame{Body: transfer, Payload: payload})
					if err != nil || len(b) > limit || transfer.More && len(b) < limit-64 {
						t.Errorf("frame %d has %d bytes, %v, want at most %d, and not much less", frames, len(b), err, limit)
					}
					if whole = append(whole, payload...); !transfer.More {
						break
					}
				}
				if got := rawclient.Decode(t, whole).Data[0]; !bytes.Equal(got, m.Data[0]) {
					t.Error("the body is not what was sent")
				}
				c.Settle(1, &amqpwire.Accepted{})
				c.WantNothing()
				if n := w.queueOf("dev1").Len(); n != 0 {
					t.Errorf("%d messages pending, want none", n)
				}
			})
		})
	}
}

// TestMultiFrameSend sends a message in pieces of every kind.
func TestMultiFrameSend(t *testing.T) {
	t.Parallel()
	for _, piece := range []int{1, 100, 30_000, 65_000} {
		t.Run(fmt.Sprint(piece), func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.service()
				c.Sender(0, serviceAddress)
				m := bulky(60_000)
				if piece == 1 {
					m = bulky(500)
				}
				rest := rawclient.Encode(t, m)
				for id := new(uint32(7)); len(rest) > piece; id = nil {
					c.Send(0, &amqpwire.Transfer{DeliveryID: id, DeliveryTag: []byte("t"), More: true}, rest[:piece]...)
					rest = rest[piece:]
				}
				c.Send(0, &amqpwire.Transfer{DeliveryID: new(uint32(7))}, rest...)
				d := want[*amqpwire.Disposition](c)
				if _, ok := d.State.(*amqpwire.Accepted); !ok || d.First != 7 || !d.Settled || d.Role != amqpwire.RoleReceiver {
					t.Errorf("disposition %+v, want 7 accepted and settled", d)
				}
				e, ok := w.queueOf("dev1").Take()
				if !ok || bodyOf(t, e) != string(m.Data[0]) {
					t.Error("the body is not what was sent")
				}
			})
		})
	}
}

// TestWindowCutsMessage checks that a message stops in the middle when the
// window is shut, goes on when it opens, and lets other links wait.
func TestWindowCutsMessage(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.connect()
		c.Open(&amqpwire.Open{ContainerID: "raw", MaxFrameSize: new(uint32(1024))})
		c.Begin(0, 5000)
		c.putToken(token("", testHost+"/devices/dev1", time.Hour))
		c.Receiver(0, deviceAddress)
		m := bulky(4000)
		w.put(m)
		var whole []byte
		for next := uint32(2); ; next++ {
			c.Send(0, &amqpwire.Flow{
				NextIncomingID: &next, IncomingWindow: 1, OutgoingWindow: 1,
				Handle: new(uint32), DeliveryCount: new(uint32), LinkCredit: new(uint32(1)),
			})
			transfer, payload := c.WantTransfer()
			c.WantNothing()
			if whole = append(whole, payload...); !transfer.More {
				break
			}
		}
		if got := rawclient.Decode(t, whole).Data[0]; !bytes.Equal(got, m.Data[0]) {
			t.Error("the body is not what was sent")
		}
	})
}

// TestCutMessageGoesBack checks that a pre-settled message of which only a part
// was sent is not lost when the client detaches.
func TestCutMessageGoesBack(t *testing.T) {
	t.Parallel()
	for _, mode := range []uint8{amqpwire.SenderUnsettled, amqpwire.SenderSettled} {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.connect()
				c.Open(&amqpwire.Open{ContainerID: "raw", MaxFrameSize: new(uint32(1024))})
				c.Begin(0, 2)
				c.putToken(token("", testHost+"/devices/dev1", time.Hour))
				w.put(bulky(4000))
				a := rawclient.ReceiverAttach(0, deviceAddress)
				a.SndSettleMode = &mode
				c.Send(0, a)
				want[*amqpwire.Attach](c)
				c.Send(0, &amqpwire.Flow{NextIncomingID: new(uint32(2)), IncomingWindow: 1, Handle: new(uint32), LinkCredit: new(uint32(5))})
				c.WantTransfer()
				c.WantNothing()
				c.Send(0, &amqpwire.Detach{Closed: true})
				want[*amqpwire.Detach](c)
				if e, ok := w.queueOf("dev1").Take(); !ok || e.DeliveryCount != 0 {
					t.Errorf("the message is not back")
				}
			})
		})
	}
}

func TestAbortedTransfer(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.service()
		c.Sender(0, serviceAddress)
		c.Send(0, &amqpwire.Transfer{DeliveryID: new(uint32(1)), More: true}, 1, 2, 3)
		c.Send(0, &amqpwire.Transfer{Aborted: true})
		c.WantNothing()
		c.transfer(&amqpwire.Transfer{DeliveryID: new(uint32(2))}, c2d("m1"))
		if d := want[*amqpwire.Disposition](c); d.First != 2 {
			t.Errorf("disposition %+v, want that of 2", d)
		}
	})
}

// TestPreSettledSend checks that a settled message is not acknowledged, not
// even if it is refused, and that settled counts on any frame of a message.
func TestPreSettledSend(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.service()
		c.Sender(0, serviceAddress)
		c.transfer(&amqpwire.Transfer{Settled: true}, c2d("m1"))
		c.transfer(&amqpwire.Transfer{Settled: true}, &amqpwire.Message{})
		b := rawclient.Encode(t, c2d("m2"))
		c.Send(0, &amqpwire.Transfer{DeliveryID: new(uint32(5)), More: true}, b[:9]...)
		c.Send(0, &amqpwire.Transfer{Settled: true}, b[9:]...)
		c.WantNothing()
		if n := w.queueOf("dev1").Len(); n != 2 {
			t.Errorf("%d messages pending, want 2", n)
		}
	})
}
