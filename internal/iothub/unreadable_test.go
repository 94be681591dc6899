package iothub_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/value"
)

// payloads are encoded messages, which a fake hub delivers in frames of so many
// bytes.
func (h *fakeHub) payloads(frame int, payloads ...[]byte) {
	h.deliver = func(c *fakeHubConn, l *fakeLink) {
		for ; l.delivered < len(payloads); l.delivered++ {
			id := c.next
			c.next++
			for rest := payloads[l.delivered]; ; {
				n := min(len(rest), frame)
				c.send(l.channel, &amqpwire.Transfer{
					Handle: l.attach.Handle, DeliveryID: &id, DeliveryTag: []byte{byte(id)}, MessageFormat: new(uint32), More: n < len(rest),
				}, rest[:n]...)
				if rest = rest[n:]; len(rest) == 0 {
					break
				}
			}
		}
	}
}

func encodeMessage(t testing.TB, m *amqpwire.Message) []byte {
	t.Helper()
	b, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// oddKey is a map that Go has no form for.
var oddKey = amqpwire.Map{{Key: amqpwire.Described{Descriptor: amqpwire.Symbol("d"), Value: amqpwire.List{"l"}}, Value: "v"}}

// oddMessages are messages that the AMQP library does not take, or that are none,
// with the id "odd" if they have one.
func oddMessages(t testing.TB) map[string][]byte {
	t.Helper()
	named := &amqpwire.Properties{MessageID: "odd"}
	encode := func(m amqpwire.Message) []byte {
		m.Properties = named
		return encodeMessage(t, &m)
	}
	property := func(v any) []byte {
		return encode(amqpwire.Message{ApplicationProperties: amqpwire.Map{{Key: "p", Value: v}, {Key: "color", Value: "red"}}, Data: [][]byte{[]byte("body")}})
	}
	return map[string][]byte{
		"a list as key of the footer":        encode(amqpwire.Message{Footer: amqpwire.Map{{Key: amqpwire.List{"l"}, Value: "v"}}}),
		"a described key of the annotations": encode(amqpwire.Message{Annotations: oddKey}),
		"bytes as key of the body":           encode(amqpwire.Message{Value: amqpwire.Map{{Key: []byte{1}, Value: "v"}}}),
		"a described key in a property":      property(amqpwire.List{oddKey}),
		"a char":                             property(amqpwire.Char('x')),
		"a decimal":                          property(amqpwire.Decimal128{}),
		"an array of lists":                  property(amqpwire.Array{amqpwire.List{"x"}}),
		"a decimal in a sequence":            encode(amqpwire.Message{Sequences: []amqpwire.List{{amqpwire.Decimal32{}}}}),
		"more than a message may have":       encode(amqpwire.Message{Data: [][]byte{make([]byte, 1<<20)}}),
		"no AMQP":                            bytes.Repeat([]byte("no AMQP"), 10),
		"values without end":                 make([]byte, 1<<20),
	}
}

// TestNoMessageStopsADevice sends a device a message that nobody can read, between
// two others. It is told why, and whatever can be told; it rejects the message, and
// the connection is as good as before.
//
// It runs alone: its messages are large, and another test measures memory.
func TestNoMessageStopsADevice(t *testing.T) {
	good := encodeMessage(t, &amqpwire.Message{Properties: &amqpwire.Properties{MessageID: "good"}, Data: [][]byte{[]byte("body")}})
	for name, odd := range oddMessages(t) {
		for _, frame := range []int{60_000, 500} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					hub := &fakeHub{t: t}
					hub.payloads(frame, good, odd, good)
					defer hub.served.Wait()
					d := hub.device("dev1", iothub.Options{Lost: func(err error) { t.Errorf("connection lost: %v", err) }})
					for n, unreadable := range []bool{false, true, false} {
						m, err := d.Receive(t.Context())
						if err != nil {
							t.Fatal(err)
						}
						settle := m.Complete
						if unreadable {
							settle = m.Reject
						}
						if (m.Unreadable != "") != unreadable {
							t.Errorf("message %d: unreadable %q, want that it is: %v", n, m.Unreadable, unreadable)
						}
						if want := map[bool]string{false: "good", true: "odd"}[unreadable]; m.ID != want && bytes.Contains(odd, []byte("odd")) {
							t.Errorf("message %d: id %q, want %q", n, m.ID, want)
						}
						if err := settle(t.Context()); err != nil {
							t.Error(err)
						}
					}
					if n := len(hub.settlements()); n != 3 {
						t.Errorf("%d settlements, want 3", n)
					}
					_ = d.Close(t.Context())
				})
			})
		}
	}
}

// TestUnreadableIsToldAsFarAsPossible wants what our own codec can read.
func TestUnreadableIsToldAsFarAsPossible(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := &fakeHub{t: t}
		hub.payloads(60_000, encodeMessage(t, &amqpwire.Message{
			Annotations:           amqpwire.Map{{Key: amqpwire.Symbol("x-opt-sequence-number"), Value: uint64(5)}},
			Properties:            &amqpwire.Properties{MessageID: []byte{0xff}, UserID: []byte{0x74, 0x99}},
			ApplicationProperties: amqpwire.Map{{Key: "initial", Value: amqpwire.Char('x')}, {Key: "color", Value: "red"}, {Key: "iothub-ack", Value: "full"}},
			Value:                 amqpwire.Map{{Key: []byte{1}, Value: amqpwire.Char('y')}},
		}))
		defer hub.served.Wait()
		d := hub.device("dev1", iothub.Options{})
		m, err := d.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_ = m.Reject(t.Context())
		want := iothub.Received{
			Message: iothub.Message{
				ID: "/w==", IDType: value.NameBinary, UserID: "dJk=", UserIDType: value.NameBinary,
				Properties: map[string]any{"initial": value.Char('x'), "color": "red"}, Ack: iothub.AckFull,
				Value: value.Map{{Key: []byte{1}, Value: value.Char('y')}}, Body: []byte(`{"AQ==":"y"}`),
			},
			SequenceNumber: 5,
			Unreadable:     "the AMQP library does not take it: char not implemented",
		}
		if diff := cmp.Diff(want, m.Received); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		_ = d.Close(t.Context())
	})
}

// TestOddFrames wants a hub that puts odd values into frames other than transfers
// to be talked to as any other, and its reasons to be heard.
func TestOddFrames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		odd := slices.Concat(oddKey, amqpwire.Map{{Key: amqpwire.Symbol("char"), Value: amqpwire.Char('x')}})
		hub := &fakeHub{
			t:    t,
			open: func(answer *amqpwire.Open) { answer.Properties = odd },
			attach: func(answer *amqpwire.Attach) {
				answer.Properties, answer.Unsettled = odd, odd
				if answer.Source != nil {
					answer.Source.DynamicNodeProperties, answer.Source.Filter = odd, odd
				}
			},
			transfer: func(c *fakeHubConn, channel uint16, id uint32) {
				c.outcome(channel, id, &amqpwire.Rejected{Error: &amqpwire.Error{Condition: "amqp:not-found", Description: "no device", Info: odd}})
			},
			messages: make([]amqpwire.Message, 2),
		}
		defer hub.served.Wait()
		o := iothub.Options{Lost: func(err error) { t.Errorf("connection lost: %v", err) }}
		s, d := hub.service(o), hub.device("dev1", o)
		if err := s.Send(t.Context(), "dev1", &iothub.Message{}); err == nil || !strings.Contains(err.Error(), "no device") {
			t.Errorf("Send = %v, want the hub's reason", err)
		}
		for range 2 {
			m, err := d.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Complete(t.Context()); err != nil {
				t.Error(err)
			}
		}
		_ = s.Close(t.Context())
		_ = d.Close(t.Context())
	})
}

// TestOddReplyToPutToken wants a reply that the AMQP library does not take to be
// understood nevertheless.
func TestOddReplyToPutToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := &fakeHub{t: t, reply: func(m *amqpwire.Message) {
			m.ApplicationProperties = append(m.ApplicationProperties, amqpwire.Pair{Key: "odd", Value: amqpwire.Char('x')})
		}}
		defer hub.served.Wait()
		d := hub.device("dev1", iothub.Options{})
		_ = d.Close(t.Context())
	})
}

// FuzzMessageToDevice: whatever a hub delivers, the device gets it and the message
// behind it.
func FuzzMessageToDevice(f *testing.F) {
	for _, payload := range oddMessages(f) {
		f.Add(payload[:min(len(payload), 300)], 60_000)
		f.Add(payload[:min(len(payload), 300)], 7)
	}
	f.Fuzz(func(t *testing.T, payload []byte, frame int) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		hub := &fakeHub{t: t}
		hub.payloads(max(1, frame&0xffff-100), payload, encodeMessage(t, &amqpwire.Message{Data: [][]byte{[]byte("good")}}))
		defer hub.served.Wait()
		d := hub.device("dev1", iothub.Options{Lost: func(err error) { t.Errorf("connection lost: %v", err) }})
		defer d.Close(ctx)
		for range 2 {
			m, err := d.Receive(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Reject(ctx); err != nil {
				t.Error(err)
			}
			if string(m.Body) == "good" {
				return
			}
		}
		t.Error("the second message has not come")
	})
}
