package amqpserver

import (
	"fmt"
	"strings"
	"testing"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// bulky returns a payload no two places of which look the same.
func bulky(size int) string {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i ^ i>>8)
	}
	return string(b)
}

// TestMultiFrameReceive checks that frames are as large as the client takes and
// no larger, whatever the tag, and that the pieces make up the message.
func TestMultiFrameReceive(t *testing.T) {
	t.Parallel()
	for _, size := range []uint32{1, 512, 513, 4096, 65535, 1 << 31} {
		for _, tag := range []string{"", "0123456789abcdef", strings.Repeat("t", 32)} {
			t.Run(fmt.Sprint(size, len(tag)), func(t *testing.T) {
				inWorld(t, Options{MaxFrameSize: 65535}, func(t *testing.T, w *world) {
					w.queue("q").tag = tag
					c := w.opened(size)
					c.Begin(0, 5000)
					c.Receiver(0, "q")
					c.Credit(0, 0, 1)
					message := bulky(100_000)
					w.queue("q").add(1<<32-1, message)
					if whole := wantPieces(c, int(min(max(size, 512), 65535))); whole != message {
						t.Error("the message is not what was sent")
					}
					c.Settle(0, &amqpwire.Accepted{})
					c.WantNothing()
				})
			})
		}
	}
}

// wantPieces returns a message that comes in frames of at most limit bytes.
func wantPieces(c *client, limit int) (whole string) {
	c.T.Helper()
	for frames := 0; ; frames++ {
		transfer, payload := c.WantTransfer()
		if first := frames == 0; first != (transfer.DeliveryID != nil) || first != (transfer.MessageFormat != nil) {
			c.T.Errorf("frame %d: %+v, want id and format on the first only", frames, transfer)
		}
		b, err := amqpwire.AppendFrame(nil, amqpwire.Frame{Body: transfer, Payload: payload})
		if err != nil || len(b) > limit || transfer.More && len(b) < limit-80 {
			c.T.Errorf("frame %d has %d bytes, %v, want at most %d, and not much less", frames, len(b), err, limit)
		}
		if whole += string(payload); !transfer.More {
			return whole
		}
	}
}

// TestMultiFrameSend sends a message in pieces of every kind.
func TestMultiFrameSend(t *testing.T) {
	t.Parallel()
	for _, piece := range []int{1, 100, 30_000, 65_000} {
		t.Run(fmt.Sprint(piece), func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.begun()
				c.Sender(0, "q")
				message := bulky(300 * min(piece, 200))
				rest := []byte(message)
				for id := new(uint32(7)); len(rest) > piece; id = nil {
					c.Send(0, &amqpwire.Transfer{DeliveryID: id, DeliveryTag: []byte("t"), More: true}, rest[:piece]...)
					rest = rest[piece:]
				}
				c.Send(0, &amqpwire.Transfer{DeliveryID: new(uint32(7))}, rest...)
				d := rawclient.Want[*amqpwire.Disposition](c)
				if _, ok := d.State.(*amqpwire.Accepted); !ok || d.First != 7 || !d.Settled || d.Role != amqpwire.RoleReceiver {
					t.Errorf("disposition %+v, want 7 accepted and settled", d)
				}
				if got := w.queue("q").waiting(); got != message {
					t.Error("the message is not what was sent")
				}
			})
		})
	}
}

// TestMessagesInTurns sends the pieces of two messages in turns, on two links of
// two sessions, and receives two.
func TestMessagesInTurns(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.opened(0)
		for channel := range uint16(2) {
			c.Begin(channel, 5000)
			c.Send(channel, rawclient.SenderAttach(0, fmt.Sprint("q", channel)))
			rawclient.Want[*amqpwire.Attach](c)
			rawclient.Want[*amqpwire.Flow](c)
		}
		for piece := range 3 {
			for channel := range uint16(2) {
				text := fmt.Sprintf("[%d of %d]", piece, channel)
				c.Send(channel, &amqpwire.Transfer{DeliveryID: new(uint32(channel)), More: piece < 2}, []byte(text)...)
			}
		}
		for channel := range uint32(2) {
			f := c.Next().Frame
			if d, ok := f.Body.(*amqpwire.Disposition); !ok || d.First != channel || f.Channel != uint16(channel) {
				t.Errorf("the server sent %s, want the disposition of %d", f, channel)
			}
			want := fmt.Sprintf("[0 of %[1]d][1 of %[1]d][2 of %[1]d]", channel)
			if got := w.queue(fmt.Sprint("q", channel)).waiting(); got != want {
				t.Errorf("message %q, want %q", got, want)
			}
		}
	})
}

// TestWindowCutsMessage checks that a message stops in the middle when the
// window is shut, and goes on when it opens.
func TestWindowCutsMessage(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.opened(1024)
		c.Begin(0, 5000)
		c.Receiver(0, "q")
		message := bulky(4000)
		w.queue("q").put(message)
		var whole string
		for next := uint32(1); ; next++ {
			c.Send(0, &amqpwire.Flow{
				NextIncomingID: &next, IncomingWindow: 1, OutgoingWindow: 1,
				Handle: new(uint32), DeliveryCount: new(uint32), LinkCredit: new(uint32(1)),
			})
			transfer, payload := c.WantTransfer()
			c.WantNothing()
			if whole += string(payload); !transfer.More {
				break
			}
		}
		if whole != message {
			t.Error("the message is not what was sent")
		}
	})
}

// TestCutMessageGoesBack checks that a message of which only a part was sent is
// not lost when the client detaches, settled or not.
func TestCutMessageGoesBack(t *testing.T) {
	t.Parallel()
	for _, mode := range []uint8{amqpwire.SenderUnsettled, amqpwire.SenderSettled} {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.opened(1024)
				c.Begin(0, 1)
				w.queue("q").put(bulky(4000))
				a := rawclient.ReceiverAttach(0, "q")
				a.SndSettleMode = &mode
				c.Send(0, a)
				rawclient.Want[*amqpwire.Attach](c)
				c.Send(0, &amqpwire.Flow{NextIncomingID: new(uint32(1)), IncomingWindow: 1, Handle: new(uint32), LinkCredit: new(uint32(5))})
				c.WantTransfer()
				c.WantNothing()
				c.Send(0, &amqpwire.Detach{Closed: true})
				rawclient.Want[*amqpwire.Detach](c)
				if got := w.queue("q").took(); got != bulky(4000)+" back, closed" {
					t.Error("the message is not back")
				}
			})
		})
	}
}

func TestAbortedTransfer(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		c.Sender(0, "q")
		c.Send(0, &amqpwire.Transfer{DeliveryID: new(uint32(1)), More: true}, 1, 2, 3)
		c.Send(0, &amqpwire.Transfer{Aborted: true})
		c.Send(0, &amqpwire.Transfer{DeliveryID: new(uint32(2)), Aborted: true, More: true}, 1, 2, 3)
		c.WantNothing()
		c.Transfer(&amqpwire.Transfer{DeliveryID: new(uint32(3))}, []byte("m"))
		if d := rawclient.Want[*amqpwire.Disposition](c); d.First != 3 {
			t.Errorf("disposition %+v, want that of 3", d)
		}
		if got := w.queue("q").waiting(); got != "m" {
			t.Errorf("%q arrived, want m", got)
		}
	})
}

// TestPreSettledSend checks that a settled message is not acknowledged, and that
// settled counts on any frame of a message.
func TestPreSettledSend(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		var settled []bool
		w.queue("q").accept = func(m Incoming) amqpwire.DeliveryState {
			settled = append(settled, m.Settled)
			return &amqpwire.Rejected{}
		}
		c := w.begun()
		c.Sender(0, "q")
		c.Transfer(&amqpwire.Transfer{Settled: true}, []byte("m1"))
		c.Send(0, &amqpwire.Transfer{DeliveryID: new(uint32(5)), More: true}, 1)
		c.Send(0, &amqpwire.Transfer{Settled: true}, 2)
		c.WantNothing()
		c.Transfer(&amqpwire.Transfer{DeliveryID: new(uint32(6))}, []byte("m3"))
		if d := rawclient.Want[*amqpwire.Disposition](c); d.First != 6 {
			t.Errorf("disposition %+v, want that of 6", d)
		}
		if got := fmt.Sprint(settled); got != "[true true false]" {
			t.Errorf("settled %s, want [true true false]", got)
		}
	})
}

// TestNoOutcomeOfSink checks a sink that says nothing: the client goes on waiting.
func TestNoOutcomeOfSink(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.queue("q").accept = func(Incoming) amqpwire.DeliveryState { return nil }
		c := w.begun()
		c.Sender(0, "q")
		c.Transfer(&amqpwire.Transfer{}, []byte("m"))
		c.WantNothing()
	})
}

// TestReplyAfterDisposition checks that what a sink wakes a source for comes
// after the disposition: there are clients that fail if the reply overtakes it.
func TestReplyAfterDisposition(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		c.Sender(0, "q")
		c.Receiver(1, "q")
		c.Credit(1, 0, 1000)
		for id := range uint32(100) {
			c.Transfer(&amqpwire.Transfer{DeliveryID: &id}, []byte("m"))
			if d := rawclient.WantAfterFlows[*amqpwire.Disposition](c); d.First != id {
				t.Fatalf("disposition %+v, want that of %d", d, id)
			}
			transfer := rawclient.WantAfterFlows[*amqpwire.Transfer](c)
			c.Settle(*transfer.DeliveryID, &amqpwire.Accepted{})
		}
	})
}
