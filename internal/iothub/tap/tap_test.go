package tap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// script is what the two ends of a connection say, in frames.
type script []amqpwire.Frame

func (s script) bytes(t testing.TB) []byte {
	b := amqpwire.HeaderAMQP[:]
	b = slices.Clone(b)
	for _, f := range s {
		var err error
		if b, err = amqpwire.AppendFrame(b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// fakeConn reads from one buffer and writes to another.
type fakeConn struct {
	net.Conn
	io.Reader
	written bytes.Buffer
}

func (f *fakeConn) Read(p []byte) (int, error)       { return f.Reader.Read(p) }
func (f *fakeConn) Write(p []byte) (int, error)      { return f.written.Write(p) }
func (f *fakeConn) SetReadDeadline(time.Time) error  { return nil }
func (f *fakeConn) SetWriteDeadline(time.Time) error { return nil }
func (f *fakeConn) Close() error                     { return nil }

// ours is the client's side: two sessions, with three transfers on channel 4
// and one on channel 7.
func ours() script {
	transfer := func(channel uint16, id uint32) amqpwire.Frame {
		return amqpwire.Frame{Channel: channel, Body: &amqpwire.Transfer{DeliveryID: new(id), DeliveryTag: []byte{1}}, Payload: make([]byte, 30)}
	}
	return script{
		{Body: &amqpwire.Open{ContainerID: "c"}},
		{},
		{Channel: 4, Body: &amqpwire.Begin{NextOutgoingID: 10}},
		{Channel: 7, Body: &amqpwire.Begin{NextOutgoingID: 4294967295}},
		transfer(4, 0), transfer(4, 1), transfer(7, 0), transfer(4, 2),
	}
}

// theirs is the hub's side; complete says whether flows have the field that v2
// gateways leave out.
func theirs(complete bool) script {
	id := func(v uint32) *uint32 {
		if complete {
			return &v
		}
		return nil
	}
	return script{
		{Body: &amqpwire.Open{ContainerID: "hub"}},
		{},
		{Channel: 1, Body: &amqpwire.Begin{RemoteChannel: new(uint16(4))}},
		{Channel: 2, Body: &amqpwire.Begin{RemoteChannel: new(uint16(7))}},
		{Channel: 1, Body: &amqpwire.Flow{NextIncomingID: id(13), IncomingWindow: 5000, Handle: new(uint32(3)), LinkCredit: new(uint32(100))}},
		{Channel: 2, Body: &amqpwire.Flow{NextIncomingID: id(0), IncomingWindow: 5000}},
		{Channel: 2, Body: &amqpwire.Flow{NextIncomingID: new(uint32(77)), IncomingWindow: 5000}}, // not to be touched
		{Channel: 1, Body: &amqpwire.Transfer{DeliveryID: new(uint32)}, Payload: slices.Concat([]byte{0x00, 0x53, 0x75, 0xb0, 0, 0, 1, 350 - 256}, bytes.Repeat([]byte("payload"), 50))},
	}
}

// TestTapCompletesFlows sends both sides through a tap in pieces of every size
// and expects our bytes unchanged, theirs with next-incoming-id filled in.
func TestTapCompletesFlows(t *testing.T) {
	t.Parallel()
	out, in, want := ours().bytes(t), theirs(false).bytes(t), theirs(true).bytes(t)
	for size := 1; size <= 200; size++ {
		fake := &fakeConn{Reader: iotest.OneByteReader(bytes.NewReader(in))}
		if size%2 == 0 {
			fake.Reader = bytes.NewReader(in)
		}
		tap := New(fake, nil)
		for piece := range slices.Chunk(out, size) {
			if n, err := tap.Write(piece); n != len(piece) || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		tap.writer.drain(time.Time{})
		if !bytes.Equal(fake.written.Bytes(), out) {
			t.Fatalf("pieces of %d: our bytes were changed", size)
		}
		got, err := io.ReadAll(readInPieces{tap, size})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("pieces of %d: got\n%x\nwant\n%x", size, got, want)
		}
		if tap.Container() != "hub" {
			t.Errorf("container = %q, want hub", tap.Container())
		}
	}
}

// TestReadAllThatIsThere wants one Read to return all the frames that are there,
// and not to wait for more, nor to tell of what is wrong with the next before them.
func TestReadAllThatIsThere(t *testing.T) {
	t.Parallel()
	flow := amqpwire.Frame{Channel: 1, Body: &amqpwire.Flow{NextIncomingID: new(uint32(0)), IncomingWindow: 5000}}
	foreign := dispositionOf(amqpwire.RoleReceiver, 5, nil, true, &amqpwire.Accepted{}) // it is left out
	begun := script{{Channel: 1, Body: &amqpwire.Begin{RemoteChannel: new(uint16(4))}}, flow, flow}
	for _, tt := range []struct {
		name  string
		in    []byte
		wants int // bytes of it, in the first Read
		then  bool
	}{
		{"frames", begun.bytes(t), len(begun.bytes(t)), false},
		{"and the start of another", append(begun.bytes(t), 0, 0, 0, 50, 2), len(begun.bytes(t)), false},
		{"and one that is left out", append(begun, foreign).bytes(t), len(begun.bytes(t)), false},
		{"and one that is too large", append(begun.bytes(t), 0xff, 0, 0, 0, 2, 0, 0, 0, 0, 0x53, 0x13), len(begun.bytes(t)), true},
	} {
		client, hub := net.Pipe()
		defer client.Close()
		go hub.Write(tt.in)
		tap := New(client, nil)
		p := make([]byte, 1000)
		n, err := tap.Read(p)
		if n < tt.wants && err == nil { // a pipe gives the header by itself
			var more int
			more, err = tap.Read(p[n:])
			n += more
		}
		if !bytes.Equal(p[:n], tt.in[:tt.wants]) || err != nil {
			t.Errorf("%s: Read = %x, %v, want %x", tt.name, p[:n], err, tt.in[:tt.wants])
		}
		if !tt.then {
			continue
		}
		if n, err := tap.Read(p); n != 0 || err == nil {
			t.Errorf("%s: then Read = %d, %v, want an error", tt.name, n, err)
		}
	}
}

// TestSettlesFirst wants the mode of a link to be what the hub has answered, once
// it has attached the link.
func TestSettlesFirst(t *testing.T) {
	t.Parallel()
	attach := func(name string, role bool, source *amqpwire.Source, mode *uint8) amqpwire.Frame {
		return amqpwire.Frame{Channel: 1, Body: &amqpwire.Attach{Name: name, Role: role, Source: source, RcvSettleMode: mode}}
	}
	there := &amqpwire.Source{Address: "a"}
	for _, tt := range []struct {
		name   string
		answer amqpwire.Frame
		want   bool
	}{
		{"first", attach("link", amqpwire.RoleSender, there, new(amqpwire.ReceiverFirst)), true},
		{"none", attach("link", amqpwire.RoleSender, there, nil), true},
		{"second", attach("link", amqpwire.RoleSender, there, new(amqpwire.ReceiverSecond)), false},
		{"refused", attach("link", amqpwire.RoleSender, nil, nil), false},
		{"another link", attach("other", amqpwire.RoleSender, there, nil), false},
		{"a link to send on", attach("link", amqpwire.RoleReceiver, there, nil), false},
	} {
		out := script{{Channel: 4, Body: &amqpwire.Begin{}}}.bytes(t)
		in := script{{Channel: 1, Body: &amqpwire.Begin{RemoteChannel: new(uint16(4))}}, tt.answer}.bytes(t)
		tap := New(&fakeConn{Reader: bytes.NewReader(in)}, nil)
		if _, err := tap.Write(out); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(tap); err != nil || !bytes.Equal(got, in) {
			t.Errorf("%s: read %x, %v, want %x", tt.name, got, err, in)
		}
		if got := tap.SettlesFirst("link"); got != tt.want {
			t.Errorf("%s: SettlesFirst = %t, want %t", tt.name, got, tt.want)
		}
	}
}

// TestSettlesFirstOfMany wants the mode of each link of a session to be known, and
// a hub that attaches links without end to take no memory.
func TestSettlesFirstOfMany(t *testing.T) {
	t.Parallel()
	frames := script{{Channel: 1, Body: &amqpwire.Begin{RemoteChannel: new(uint16(4))}}}
	for n := range 10 * maxSettleFirst {
		mode := uint8(n % 2)
		frames = append(frames, amqpwire.Frame{Channel: 1, Body: &amqpwire.Attach{
			Name: fmt.Sprint(n), Role: amqpwire.RoleSender, Source: &amqpwire.Source{Address: "a"}, RcvSettleMode: &mode,
		}})
	}
	tap := New(&fakeConn{Reader: bytes.NewReader(frames.bytes(t))}, nil)
	if _, err := tap.Write(script{{Channel: 4, Body: &amqpwire.Begin{}}}.bytes(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(tap); err != nil {
		t.Fatal(err)
	}
	for n := 10*maxSettleFirst - 40; n < 10*maxSettleFirst; n++ {
		if got, want := tap.SettlesFirst(fmt.Sprint(n)), n%2 == 0; got != want {
			t.Errorf("link %d settles first: %v, want %v", n, got, want)
		}
	}
	if got := len(tap.sessions.ours[4].settleFirst); got > maxSettleFirst {
		t.Errorf("%d links are known, want %d at most", got, maxSettleFirst)
	}
}

// readInPieces reads at most size bytes at once.
type readInPieces struct {
	r    io.Reader
	size int
}

func (r readInPieces) Read(p []byte) (int, error) { return r.r.Read(p[:min(len(p), r.size)]) }

// FuzzTap feeds a tap with arbitrary bytes from the hub and arbitrary cuts: it
// must never panic, and must not change frames but those that it is there for.
func FuzzTap(f *testing.F) {
	f.Add(theirs(false).bytes(f), ours().bytes(f), 7)
	f.Add(theirs(true).bytes(f), []byte("AMQP\x03\x01\x00\x00"), 1)
	f.Add(script{dispositionOf(amqpwire.RoleReceiver, 0, new(uint32(math.MaxUint32)), true, nil)}.bytes(f), ours().bytes(f), 9)
	f.Add([]byte("HTTP/1.1 200 OK\r\n"), []byte{}, 3)
	f.Add([]byte("AMQP\x00\x01\x00\x00\xff\xff\xff\xff\x02\x00\x00\x00\x00\x53\x13\x45"), []byte{0}, 2)
	f.Fuzz(func(t *testing.T, in, out []byte, size int) {
		size = max(1, size&1023)
		fake := &fakeConn{Reader: bytes.NewReader(in)}
		tap := New(fake, nil)
		for piece := range slices.Chunk(out, size) {
			if _, err := tap.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		tap.writer.drain(time.Time{})
		if !bytes.Equal(fake.written.Bytes(), out) {
			t.Error("our bytes were changed")
		}
		got, _ := io.ReadAll(readInPieces{tap, size})
		rewritten := func(code byte) bool { return bytes.Contains(in, []byte{0x53, code}) }
		if !rewritten(codeFlow) && !rewritten(codeAttach) && !rewritten(codeDisposition) && allUsual(in) && !bytes.HasPrefix(in, got) {
			t.Errorf("read %x of %x", got, in)
		}
	})
}

// allUsual reports whether all frames in a stream are as usual, and all messages
// plain and in one frame.
func allUsual(in []byte) bool {
	for in = in[min(len(in), 8):]; len(in) >= frameStart; {
		size := max(binary.BigEndian.Uint32(in), 8)
		if isHeader(in) {
			size = 8
		}
		if size > uint32(len(in)) {
			return true // the tap gets no further
		}
		frame := in[:size]
		in = in[size:]
		if size < frameStart {
			continue
		}
		if t, ok := readTransfer(frame); !ok && !usual(frame) || ok && (t.more || !plain(t.payload)) {
			return false
		}
	}
	return true
}
