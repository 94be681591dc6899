package tap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/amqpwire"
)

// frameOf returns an encoded frame.
func frameOf(t testing.TB, channel uint16, body amqpwire.Performative, payload ...byte) []byte {
	t.Helper()
	b, err := amqpwire.AppendFrame(nil, amqpwire.Frame{Channel: channel, Body: body, Payload: payload})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// part returns a transfer frame with a part of a message.
func part(t testing.TB, channel uint16, handle uint32, more bool, payload []byte) []byte {
	t.Helper()
	return frameOf(t, channel, &amqpwire.Transfer{Handle: handle, DeliveryID: new(uint32(7)), DeliveryTag: []byte{1}, MessageFormat: new(uint32), More: more}, payload...)
}

// passAll passes frames through a guard, and returns what go-amqp gets for each.
func passAll(t testing.TB, g *guard, frames ...[]byte) []amqpwire.Frame {
	t.Helper()
	var got []amqpwire.Frame
	for _, frame := range frames {
		passed, err := g.pass(slices.Clone(frame))
		if err != nil {
			t.Fatal(err)
		}
		f, err := amqpwire.DecodeFrame(passed)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f)
	}
	return got
}

// TestMessageInManyFrames wants go-amqp to get as many frames as the hub has sent,
// all but the last empty, and of interleaved links each its own message.
func TestMessageInManyFrames(t *testing.T) {
	t.Parallel()
	good := section(t, sectionData, bytes.Repeat([]byte("good"), 100))
	bad := section(t, sectionApplication, amqpwire.Map{{Key: "p", Value: amqpwire.Char('x')}})
	g := newGuard()
	frames := passAll(
		t, &g,
		part(t, 1, 0, true, good[:10]),
		part(t, 1, 5, true, bad[:3]),
		part(t, 2, 0, true, good[:200]),
		part(t, 1, 0, true, nil),
		part(t, 2, 5, false, bad),
		part(t, 1, 5, false, bad[3:]),
		part(t, 2, 0, false, good[200:]),
		part(t, 1, 0, false, good[10:]),
		part(t, 1, 0, false, good),
	)
	var got []string
	for _, f := range frames {
		transfer := f.Body.(*amqpwire.Transfer)
		if *transfer.DeliveryID != 7 || !bytes.Equal(transfer.DeliveryTag, []byte{1}) {
			t.Errorf("the frame was changed: %v", f)
		}
		what := "empty"
		switch {
		case bytes.Equal(f.Payload, good):
			what = "good"
		case len(f.Payload) > 0:
			_, what, _ = Original(decode(t, f.Payload).Footer)
		}
		if transfer.More {
			what += "+"
		}
		got = append(got, what)
	}
	const char = "the AMQP library does not take it: char not implemented"
	want := []string{"empty+", "empty+", "empty+", "empty+", char, char, "good", "good", "good"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if g.held != 0 || len(g.partial) != 0 {
		t.Errorf("%d bytes of %d messages are held after the last", g.held, len(g.partial))
	}
}

// TestMessageThatIsNotCompleted wants nothing of a message to be held, or to get
// into the next one, that is aborted, or whose link or session ends.
func TestMessageThatIsNotCompleted(t *testing.T) {
	t.Parallel()
	half := []byte{0x00, 0x53, 0x75}
	whole := section(t, sectionData, []byte("x"))
	for name, end := range map[string][]byte{
		"aborted":  frameOf(t, 1, &amqpwire.Transfer{Handle: 2, Aborted: true}, half...),
		"detached": frameOf(t, 1, &amqpwire.Detach{Handle: 2, Closed: true}),
		"detached for a reason": frameOf(t, 1, &amqpwire.Detach{Handle: 2, Closed: true, Error: &amqpwire.Error{
			Condition: "a:b", Info: amqpwire.Map{{Key: amqpwire.Symbol("i"), Value: "x"}},
		}}),
		"ended": frameOf(t, 1, &amqpwire.End{}),
	} {
		g := newGuard()
		passAll(t, &g, part(t, 1, 2, true, half), part(t, 3, 2, true, half))
		passAll(t, &g, end)
		if len(g.partial) != 1 || g.held != partialCost+len(half) {
			t.Errorf("%s: %d bytes of %d messages are held, want those of the other session", name, g.held, len(g.partial))
		}
		if got := passAll(t, &g, part(t, 1, 2, false, whole))[0].Payload; !bytes.Equal(got, whole) {
			t.Errorf("%s: the next message is %x", name, got)
		}
	}
}

// TestMessageThatIsTooLarge wants one to be told, with what it begins with, one
// without end to end the connection, and many at once too.
func TestMessageThatIsTooLarge(t *testing.T) {
	t.Parallel()
	begin := slices.Concat(section(t, sectionProperties, amqpwire.List{"id"}), []byte{0x00, 0x53, 0x75, 0xb0, 0xff, 0xff, 0xff, 0xff})
	more := make([]byte, 60_000)
	g := newGuard()
	passAll(t, &g, part(t, 1, 2, true, begin))
	for range maxMessageSize / len(more) {
		passAll(t, &g, part(t, 1, 2, true, more))
	}
	last := passAll(t, &g, part(t, 1, 2, false, more))
	m, reason, ok := Original(decode(t, last[0].Payload).Footer)
	if want := "it has 1080018 bytes, and may have 1048576"; !ok || reason != want || m.Properties == nil || m.Properties.MessageID != "id" {
		t.Errorf("got %v, %q, %+v, want %q", ok, reason, m.Properties, want)
	}
	if len(last[0].Payload) > 2*kept {
		t.Errorf("%d bytes were kept", len(last[0].Payload))
	}
	for name, tt := range map[string]struct {
		links uint32
		want  string
	}{"without end": {1, "does not end"}, "many": {100, "too many messages at once"}, "very many": {1 << 20, "too many messages at once"}} {
		g := newGuard()
		var err error
		for n := uint32(0); err == nil && n < 1<<20; n++ {
			_, err = g.pass(part(t, 1, n%tt.links, true, more))
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || g.held > maxHeld+len(more)+partialCost {
			t.Errorf("%s: %v with %d bytes held, want an error with %q", name, err, g.held, tt.want)
		}
	}
}

// TestFramesAreTrimmed wants frames to come without what go-amqp makes no use of,
// and may die of.
func TestFramesAreTrimmed(t *testing.T) {
	t.Parallel()
	odd := amqpwire.Map{
		{Key: amqpwire.Symbol("char"), Value: amqpwire.Char('x')},
		{Key: amqpwire.Symbol("map"), Value: amqpwire.Map{{Key: amqpwire.Described{Descriptor: amqpwire.Symbol("d"), Value: amqpwire.List{"l"}}, Value: "v"}}},
	}
	info := append(slices.Clone(odd), amqpwire.Pair{Key: amqpwire.Symbol("com.microsoft:tracking-id"), Value: "id"}, amqpwire.Pair{Key: amqpwire.List{"l"}, Value: "v"})
	reason := func(info amqpwire.Map) *amqpwire.Error {
		return &amqpwire.Error{Condition: "a:b", Description: "no", Info: info}
	}
	short := reason(amqpwire.Map{{Key: amqpwire.Symbol("com.microsoft:tracking-id"), Value: "id"}})
	symbols := []amqpwire.Symbol{"a", "b"}
	for name, tt := range map[string]struct{ sent, want amqpwire.Performative }{
		"open": {
			&amqpwire.Open{ContainerID: "c", Hostname: "h", MaxFrameSize: new(uint32(1)), ChannelMax: new(uint16(2)), IdleTimeOut: new(uint32(3)), OfferedCapabilities: symbols, IncomingLocales: symbols, Properties: odd},
			&amqpwire.Open{ContainerID: "c", Hostname: "h", MaxFrameSize: new(uint32(1)), ChannelMax: new(uint16(2)), IdleTimeOut: new(uint32(3))},
		},
		"begin": {
			&amqpwire.Begin{RemoteChannel: new(uint16(1)), NextOutgoingID: 2, IncomingWindow: 3, OutgoingWindow: 4, HandleMax: new(uint32(5)), DesiredCapabilities: symbols, Properties: odd},
			&amqpwire.Begin{RemoteChannel: new(uint16(1)), NextOutgoingID: 2, IncomingWindow: 3, OutgoingWindow: 4, HandleMax: new(uint32(5))},
		},
		"attach": {
			&amqpwire.Attach{
				Name: "n", Handle: 1, Role: true, SndSettleMode: new(uint8(2)), RcvSettleMode: new(uint8(1)),
				Source:    &amqpwire.Source{Address: "s", ExpiryPolicy: "any", Filter: odd, DefaultOutcome: amqpwire.Char('x'), Outcomes: symbols, DynamicNodeProperties: odd},
				Target:    &amqpwire.Target{Address: "t", Capabilities: symbols, DynamicNodeProperties: odd},
				Unsettled: odd, IncompleteUnsettled: true, InitialDeliveryCount: new(uint32(6)), MaxMessageSize: new(uint64(7)), OfferedCapabilities: symbols, Properties: odd,
			},
			&amqpwire.Attach{
				Name: "n", Handle: 1, Role: true, SndSettleMode: new(uint8(2)), RcvSettleMode: new(uint8(1)),
				Source: &amqpwire.Source{Address: "s"}, Target: &amqpwire.Target{Address: "t"},
				InitialDeliveryCount: new(uint32(6)), MaxMessageSize: new(uint64(7)),
			},
		},
		"attach of a link that the hub sends on": {
			&amqpwire.Attach{Source: &amqpwire.Source{Address: "s"}, InitialDeliveryCount: new(uint32(6)), MaxMessageSize: new(uint64(7))},
			&amqpwire.Attach{Source: &amqpwire.Source{Address: "s"}, InitialDeliveryCount: new(uint32(6))},
		},
		"flow": {
			&amqpwire.Flow{NextIncomingID: new(uint32(1)), IncomingWindow: 2, NextOutgoingID: 3, OutgoingWindow: 4, Handle: new(uint32(5)), DeliveryCount: new(uint32(6)), LinkCredit: new(uint32(7)), Available: new(uint32(8)), Drain: true, Echo: true, Properties: odd},
			&amqpwire.Flow{NextIncomingID: new(uint32(1)), IncomingWindow: 2, NextOutgoingID: 3, OutgoingWindow: 4, Handle: new(uint32(5)), DeliveryCount: new(uint32(6)), LinkCredit: new(uint32(7)), Available: new(uint32(8)), Drain: true, Echo: true},
		},
		"transfer": {
			&amqpwire.Transfer{Handle: 1, DeliveryID: new(uint32(2)), DeliveryTag: []byte{3}, MessageFormat: new(uint32(4)), Settled: true, RcvSettleMode: new(uint8(1)), State: &amqpwire.Rejected{Error: reason(info)}, Resume: true, Batchable: true},
			&amqpwire.Transfer{Handle: 1, DeliveryID: new(uint32(2)), DeliveryTag: []byte{3}, MessageFormat: new(uint32(4)), Settled: true, RcvSettleMode: new(uint8(1)), Resume: true, Batchable: true},
		},
		"disposition that rejects": {
			&amqpwire.Disposition{Role: true, First: 1, Last: new(uint32(2)), Settled: true, State: &amqpwire.Rejected{Error: reason(info)}, Batchable: true},
			&amqpwire.Disposition{Role: true, First: 1, Last: new(uint32(2)), Settled: true, State: &amqpwire.Rejected{Error: short}, Batchable: true},
		},
		"disposition that modifies": {
			&amqpwire.Disposition{First: 1, State: &amqpwire.Modified{DeliveryFailed: true, UndeliverableHere: true, MessageAnnotations: odd}},
			&amqpwire.Disposition{First: 1, State: &amqpwire.Modified{DeliveryFailed: true, UndeliverableHere: true}},
		},
		"disposition about how far it has come": {
			&amqpwire.Disposition{First: 1, State: &amqpwire.Received{SectionNumber: 1, SectionOffset: 2}},
			&amqpwire.Disposition{First: 1, State: &amqpwire.Received{SectionNumber: 1, SectionOffset: 2}},
		},
		"detach": {&amqpwire.Detach{Handle: 1, Closed: true, Error: reason(info)}, &amqpwire.Detach{Handle: 1, Closed: true, Error: short}},
		"end":    {&amqpwire.End{Error: reason(info)}, &amqpwire.End{Error: short}},
		"close":  {&amqpwire.Close{Error: reason(info)}, &amqpwire.Close{Error: short}},
	} {
		g := newGuard()
		got := passAll(t, &g, frameOf(t, 3, tt.sent))[0]
		if diff := cmp.Diff(tt.want, got.Body); diff != "" || got.Channel != 3 {
			t.Errorf("%s on channel %d (-want +got):\n%s", name, got.Channel, diff)
		}
	}
}

// TestFormsOfFrames wants the forms that AMQP allows and go-amqp does not know to
// become the one that it knows.
func TestFormsOfFrames(t *testing.T) {
	t.Parallel()
	message := section(t, sectionData, []byte("x"))
	plainFrame := part(t, 1, 2, false, message)
	extended := slices.Concat(plainFrame[:8], []byte{1, 2, 3, 4}, plainFrame[8:])
	extended[4]++
	binary.BigEndian.PutUint32(extended, uint32(len(extended)))
	long := slices.Concat(plainFrame[:8], []byte{0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, codeTransfer}, plainFrame[11:])
	binary.BigEndian.PutUint32(long, uint32(len(long)))
	symbolic := slices.Concat(plainFrame[:8], []byte{0x00, 0xa3, 18}, []byte("amqp:transfer:list"), plainFrame[11:])
	binary.BigEndian.PutUint32(symbolic, uint32(len(symbolic)))
	for name, frame := range map[string][]byte{"an extended header": extended, "a long descriptor": long, "a symbol as descriptor": symbolic} {
		g := newGuard()
		got, err := g.pass(frame)
		if err != nil || !bytes.Equal(got, plainFrame) {
			t.Errorf("%s: got %x, %v, want %x", name, got, err, plainFrame)
		}
	}
}

func TestMalformedFrames(t *testing.T) {
	t.Parallel()
	frame := func(body ...byte) []byte {
		b := slices.Concat(make([]byte, 8), body)
		binary.BigEndian.PutUint32(b, uint32(len(b)))
		b[4] = 2
		return b
	}
	offset := frame(0x00, 0x53, 0x10, 0x45)
	offset[4] = 200
	sasl := frame(0x00, 0x53, 0x40, 0x45)
	sasl[5] = 1
	for name, b := range map[string][]byte{
		"an offset beyond the end":   offset,
		"SASL":                       sasl,
		"no descriptor":              frame(0x45, 0x45, 0x45),
		"no list":                    frame(0x00, 0x53, 0x10, 0xa1, 0),
		"no performative":            frame(0x00, 0x53, 0x70, 0xc0, 2, 1, 0xc1), // cut
		"a delivery state":           frame(0x00, 0x53, 0x99, 0xc0, 3, 1, 0xc0, 0),
		"descriptors of descriptors": frame(make([]byte, 50_000)...),
		"an unknown symbol":          frame(0x00, 0xa3, 1, 'x', 0x45),
		"a transfer without fields":  frame(0x00, 0x53, 0x14, 0x45),
		"a text as handle":           frame(0x00, 0x53, 0x14, 0xc0, 3, 1, 0xa1, 0),
	} {
		g := newGuard()
		if got, err := g.pass(b); !errors.Is(err, errMalformed) {
			t.Errorf("%s: got %x, %v, want an error", name, got, err)
		}
	}
}

// TestHeaderInBetween wants a second protocol header to be refused: go-amqp would
// take it for a frame of 1 GB.
func TestHeaderInBetween(t *testing.T) {
	t.Parallel()
	tap := New(&fakeConn{Reader: bytes.NewReader(slices.Concat(amqpwire.HeaderAMQP[:], amqpwire.HeaderAMQP[:]))}, nil)
	got, err := io.ReadAll(tap)
	if err == nil || !bytes.Equal(got, amqpwire.HeaderAMQP[:]) {
		t.Errorf("got %x, %v, want one header and an error", got, err)
	}
}

// TestSASL wants the frames of SASL to be passed on between their own header and
// AMQP's, and not elsewhere, and no others between the two.
func TestSASL(t *testing.T) {
	t.Parallel()
	sasl, err := amqpwire.AppendFrame(nil, amqpwire.Frame{SASL: true, Body: &amqpwire.SASLMechanisms{Mechanisms: []amqpwire.Symbol{"PLAIN"}}})
	if err != nil {
		t.Fatal(err)
	}
	disguised := frameOf(t, 0, &amqpwire.Open{ContainerID: "c", Properties: amqpwire.Map{{Key: amqpwire.List{}, Value: "v"}}})
	disguised[5] = 1
	open := frameOf(t, 0, &amqpwire.Open{ContainerID: "c"})
	first, second := amqpwire.HeaderSASL[:], amqpwire.HeaderAMQP[:]
	for _, tt := range []struct {
		name string
		in   [][]byte
		ok   bool
	}{
		{"SASL, and then AMQP", [][]byte{first, sasl, sasl, second, open}, true},
		{"nothing but AMQP", [][]byte{second, open}, true},
		{"SASL after AMQP", [][]byte{second, sasl}, false},
		{"a third header", [][]byte{first, second, second}, false},
		{"another frame called SASL", [][]byte{first, disguised}, false},
	} {
		in := slices.Concat(tt.in...)
		got, err := io.ReadAll(New(&fakeConn{Reader: bytes.NewReader(in)}, nil))
		if (err == nil) != tt.ok || tt.ok && !bytes.Equal(got, in) {
			t.Errorf("%s: read %x, %v of %x", tt.name, got, err, in)
		}
	}
}

// TestLargestFrame wants frames up to the size that we announce to be taken.
func TestLargestFrame(t *testing.T) {
	t.Parallel()
	for size, ok := range map[int]bool{MaxFrameSize: true, MaxFrameSize + 1: false, math.MaxUint32: false} {
		frame := part(t, 1, 2, true, make([]byte, min(size, 1<<17)-30))
		frame = append(frame, make([]byte, max(0, min(size, 1<<17)-len(frame)))...)
		binary.BigEndian.PutUint32(frame, uint32(size))
		tap := New(&fakeConn{Reader: bytes.NewReader(slices.Concat(amqpwire.HeaderAMQP[:], frame))}, nil)
		_, err := io.ReadAll(tap)
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "which may have 65536 at most") {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
