package tap

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"iothub-c2d/internal/amqpwire"
)

func dispositionOf(role bool, first uint32, last *uint32, settled bool, state amqpwire.DeliveryState) amqpwire.Frame {
	return amqpwire.Frame{Channel: 1, Body: &amqpwire.Disposition{Role: role, First: first, Last: last, Settled: settled, State: state}}
}

// exchange sends ours through a tap, and then returns what go-amqp reads of
// theirs, on a session that both sides have begun.
func exchange(t *testing.T, ours, theirs script) ([]amqpwire.Frame, error) {
	t.Helper()
	ours = append(script{{Channel: 4, Body: &amqpwire.Begin{}}}, ours...)
	theirs = append(script{{Channel: 1, Body: &amqpwire.Begin{RemoteChannel: new(uint16(4))}}}, theirs...)
	tap := New(&fakeConn{Reader: bytes.NewReader(theirs.bytes(t))}, nil)
	if _, err := tap.Write(ours.bytes(t)); err != nil {
		t.Fatal(err)
	}
	got, failed := io.ReadAll(tap)
	var frames []amqpwire.Frame
	in := bytes.NewReader(got[len(amqpwire.HeaderAMQP):])
	for in.Len() > 0 {
		f, err := amqpwire.ReadFrame(in, math.MaxInt32)
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
	}
	return frames[1:], failed
}

// TestDispositionsAreCut wants go-amqp to be told of the deliveries that wait for
// it, of each in a frame of its own, and of no others.
func TestDispositionsAreCut(t *testing.T) {
	t.Parallel()
	const all = math.MaxUint32
	type told struct {
		first   uint32
		last    *uint32
		settled bool
		state   amqpwire.DeliveryState
	}
	accepted := &amqpwire.Accepted{}
	for _, tt := range []struct {
		name    string
		waiting []uint32
		told    []told
		want    []uint32
	}{
		{"one", []uint32{0, 1, 2}, []told{{1, nil, true, accepted}}, []uint32{1}},
		{"one as a range", []uint32{0, 1}, []told{{1, new(uint32(1)), true, accepted}}, []uint32{1}},
		{"one with an outcome, not settled", []uint32{0, 1}, []told{{1, nil, false, accepted}}, []uint32{1}},
		{"a range", []uint32{0, 1, 2, 3}, []told{{1, new(uint32(2)), true, accepted}}, []uint32{1, 2}},
		{"all that there may be", []uint32{0, 1, 2, 300}, []told{{0, new(uint32(all)), true, accepted}}, []uint32{0, 1, 2, 300}},
		{"a range over the last id", []uint32{all - 1, all, 0, 1, 7}, []told{{all, new(uint32(1)), true, accepted}}, []uint32{all, 0, 1}},
		{"none that waits", []uint32{5}, []told{{6, nil, true, accepted}, {7, new(uint32(all)), true, accepted}}, nil},
		{"the same twice", []uint32{5}, []told{{5, nil, true, accepted}, {0, new(uint32(9)), true, accepted}}, []uint32{5}},
		{"how far it has come, and then the outcome", []uint32{5}, []told{{5, nil, false, &amqpwire.Received{}}, {5, nil, true, accepted}}, []uint32{5}},
		{"how far it had come, as the last word", []uint32{5}, []told{{5, nil, true, &amqpwire.Received{}}}, []uint32{5}},
	} {
		for name, role := range map[string]bool{"sends": amqpwire.RoleReceiver, "settlements": amqpwire.RoleSender} {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				var ours, theirs script
				for _, id := range tt.waiting {
					if role == amqpwire.RoleReceiver {
						ours = append(ours, amqpwire.Frame{Channel: 4, Body: &amqpwire.Transfer{DeliveryID: &id, DeliveryTag: []byte{1}}})
						continue
					}
					ours = append(ours, amqpwire.Frame{Channel: 4, Body: &amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: id, State: accepted}})
				}
				for _, d := range tt.told {
					theirs = append(theirs, dispositionOf(role, d.first, d.last, d.settled, d.state))
				}
				frames, err := exchange(t, ours, theirs)
				if err != nil {
					t.Fatal(err)
				}
				var got []uint32
				for _, f := range frames {
					d := f.Body.(*amqpwire.Disposition)
					if d.Last != nil && *d.Last != d.First {
						t.Errorf("a range is left: %v", f)
					}
					got = append(got, d.First)
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("told of %v, want %v", got, tt.want)
				}
			})
		}
	}
}

// TestSettledAtOnceWaitsForNothing wants a settlement in mode first to wait for
// no answer, and so none to be passed on.
func TestSettledAtOnceWaitsForNothing(t *testing.T) {
	t.Parallel()
	ours := script{{Channel: 4, Body: &amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: 1, Settled: true, State: &amqpwire.Accepted{}}}}
	frames, err := exchange(t, ours, script{dispositionOf(amqpwire.RoleSender, 1, nil, true, &amqpwire.Accepted{})})
	if err != nil || len(frames) != 0 {
		t.Errorf("passed on %v, %v, want nothing", frames, err)
	}
}

// TestMessageSizeIsForTheGuard wants go-amqp to be told of no bound for what it
// receives, which is the guard's to bound, and of the hub's for what it sends.
func TestMessageSizeIsForTheGuard(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		announced *uint64
		role      bool
		want      string
	}{
		{nil, amqpwire.RoleSender, "none"},
		{new(uint64(0)), amqpwire.RoleSender, "none"},
		{new(uint64(math.MaxUint64)), amqpwire.RoleSender, "none"},
		{new(uint64(1 << 20)), amqpwire.RoleSender, "none"},
		{new(uint64(1000)), amqpwire.RoleSender, "none"},
		{nil, amqpwire.RoleReceiver, "none"},
		{new(uint64(1 << 30)), amqpwire.RoleReceiver, "1073741824"},
	} {
		frames, err := exchange(t, nil, script{{Channel: 1, Body: &amqpwire.Attach{
			Name: "link", Role: tt.role, Source: &amqpwire.Source{Address: "a"}, Target: &amqpwire.Target{}, MaxMessageSize: tt.announced,
		}}})
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		if size := frames[0].Body.(*amqpwire.Attach).MaxMessageSize; size != nil {
			got = fmt.Sprint(*size)
		}
		if got != tt.want {
			t.Errorf("max-message-size %s, want %s", got, tt.want)
		}
	}
}

// TestFrameSizeIsBound wants a frame that is too large to end the stream, with an
// error that says so, before all of it is there.
func TestFrameSizeIsBound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		size string // of the frame
		want string // the error; empty for none
	}{
		{"\x00\x01\x00\x00", ""},
		{"\x00\x01\x00\x01", "the hub sent a frame of 65537 bytes, which may have 65536 at most"},
		{"\x7f\xff\xff\xff", "the hub sent a frame of 2147483647 bytes"},
		{"\xff\xff\xff\xff", "the hub sent a frame of 4294967295 bytes"},
	} {
		tap := New(&fakeConn{Reader: strings.NewReader("AMQP\x00\x01\x00\x00" + tt.size + "\x02\x00\x00\x00\x00\x53\x14" + strings.Repeat(" ", 100))}, nil)
		_, err := io.ReadAll(tap)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error = %v, want %q", err, tt.want)
		}
		if err != nil && tap.Broken() {
			t.Error("the stream counts as broken: nobody would know that the hub is the cause")
		}
	}
}

// TestMalformedDisposition wants a disposition that the tap cannot read not to
// reach go-amqp.
func TestMalformedDisposition(t *testing.T) {
	t.Parallel()
	for _, frame := range []string{
		"\x00\x00\x00\x0c\x02\x00\x00\x01\x00\x53\x15\x45",                 // no fields
		"\x00\x00\x00\x10\x03\x00\x00\x01\x00\x53\x15\x45\x00\x53\x10\x45", // hidden in an extended header
	} {
		tap := New(&fakeConn{Reader: strings.NewReader("AMQP\x00\x01\x00\x00" + frame)}, nil)
		if got, err := io.ReadAll(tap); err == nil || !strings.Contains(err.Error(), "malformed") {
			t.Errorf("read %x, %v, want that it is malformed", got, err)
		}
	}
}
