package tap

import (
	"bytes"
	"context"
	"io"
	"math"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/amqpwire"
)

// FuzzGuardedMessage: whatever a message is, go-amqp takes what it gets in its
// place, and it is told if that is not the message itself.
func FuzzGuardedMessage(f *testing.F) {
	for _, m := range hard(f) {
		f.Add(m.payload[:min(len(m.payload), 1000)])
	}
	for _, payload := range usualMessages(f) {
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if plain(payload) {
			decode(t, payload)
			return
		}
		passed := withOriginal(slices.Clone(payload))
		m, reason, ok := Original(decode(t, passed).Footer)
		switch {
		case !ok && !bytes.Equal(passed, payload):
			t.Errorf("it was changed to %x, and nobody is told", passed)
		case ok && reason == "" && !bytes.HasPrefix(passed, payload):
			t.Errorf("go-amqp takes it, and got %x", passed)
		case ok && m == nil:
			t.Error("nothing is told")
		}
	})
}

// scripted is a hub that begins and attaches what it is asked for, and says its
// piece once it is given credit.
type scripted struct {
	net.Conn
	t      testing.TB
	piece  []byte
	hangUp bool      // after that
	sent   assembler // of the client

	mu      sync.Mutex
	more    sync.Cond
	waiting []byte // for the client to read
	closed  bool
}

func newScripted(t testing.TB, piece []byte, hangUp bool) *scripted {
	s := &scripted{t: t, piece: piece, hangUp: hangUp}
	s.more.L = &s.mu
	s.sent.emit = s.answer
	return s
}

func (s *scripted) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent.add(p)
	s.more.Broadcast()
	return len(p), nil
}

// answer answers a frame of the client's. Called with mu held.
func (s *scripted) answer(b []byte) {
	if isHeader(b) {
		s.waiting = append(s.waiting, b...)
		return
	}
	f, err := amqpwire.DecodeFrame(b)
	if err != nil {
		s.t.Errorf("the client sent %x: %v", b, err)
	}
	switch body := f.Body.(type) {
	case *amqpwire.Open:
		s.say(0, &amqpwire.Open{ContainerID: "hub"})
	case *amqpwire.Begin:
		s.say(f.Channel, &amqpwire.Begin{RemoteChannel: &f.Channel, IncomingWindow: 5000, OutgoingWindow: 5000})
	case *amqpwire.Attach:
		s.say(f.Channel, &amqpwire.Attach{Name: body.Name, Handle: body.Handle, Source: body.Source, Target: body.Target, RcvSettleMode: body.RcvSettleMode, InitialDeliveryCount: new(uint32)})
	case *amqpwire.Flow:
		s.waiting, s.piece = append(s.waiting, s.piece...), nil
		s.closed = s.hangUp
	}
}

func (s *scripted) say(channel uint16, body amqpwire.Performative) {
	s.waiting = append(s.waiting, frameOf(s.t, channel, body)...)
}

func (s *scripted) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting) == 0 && !s.closed {
		s.more.Wait()
	}
	if len(s.waiting) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.waiting)
	s.waiting = s.waiting[n:]
	return n, nil
}

func (s *scripted) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.waiting = true, nil
	s.more.Broadcast()
	return nil
}

func (*scripted) SetDeadline(time.Time) error      { return nil }
func (*scripted) SetReadDeadline(time.Time) error  { return nil }
func (*scripted) SetWriteDeadline(time.Time) error { return nil }

// receive attaches go-amqp to a hub that says its piece, and returns the messages
// that it finds there, so many at most. If there are fewer, the hub must hang up.
func receive(t testing.TB, hub *scripted, most int) (messages []*amqp.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := amqp.NewConn(ctx, New(hub, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	receiver, err := session.NewReceiver(ctx, "a", &amqp.ReceiverOptions{Credit: 10, SettlementMode: amqp.ReceiverSettleModeSecond.Ptr()})
	if err != nil {
		t.Fatal(err)
	}
	for len(messages) < most {
		m, err := receiver.Receive(ctx, nil)
		if err != nil {
			if ctx.Err() != nil {
				t.Error("go-amqp is stuck")
			}
			break
		}
		messages = append(messages, m)
	}
	return messages
}

// TestLibraryTakesWhatIsPassed sends go-amqp every message that it does not take,
// and then one that it does.
func TestLibraryTakesWhatIsPassed(t *testing.T) {
	t.Parallel()
	good := section(t, sectionData, []byte("good"))
	for name, tt := range hard(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var piece []byte
			for i, payload := range [][]byte{good, tt.payload, good} {
				for len(payload) > 0 {
					n := min(len(payload), 60_000)
					piece = append(piece, frameOf(t, 0, &amqpwire.Transfer{
						DeliveryID: new(uint32(i)), DeliveryTag: []byte{byte(i)}, MessageFormat: new(uint32), More: n < len(payload),
					}, payload[:n]...)...)
					payload = payload[n:]
				}
			}
			got := receive(t, newScripted(t, piece, false), 3)
			if len(got) != 3 || string(got[2].GetData()) != "good" {
				t.Fatalf("got %d messages, want 3", len(got))
			}
			if _, reason, ok := Original(got[1].Footer); !ok || reason != tt.reason {
				t.Errorf("got %q, want %q", reason, tt.reason)
			}
		})
	}
}

// FuzzGuardedFrames: no bytes of a hub's make go-amqp panic or hang.
func FuzzGuardedFrames(f *testing.F) {
	for _, m := range hard(f) {
		f.Add(part(f, 0, 0, false, m.payload[:min(len(m.payload), 1000)]))
	}
	reason := &amqpwire.Error{Condition: "a:b", Info: amqpwire.Map{{Key: amqpwire.Symbol("i"), Value: amqpwire.Map{{Key: amqpwire.List{"l"}, Value: "v"}}}}}
	for _, body := range []amqpwire.Performative{
		&amqpwire.Flow{NextIncomingID: new(uint32), IncomingWindow: 10, Handle: new(uint32), Echo: true},
		&amqpwire.Disposition{Last: new(uint32(100)), Settled: true, State: &amqpwire.Rejected{Error: reason}},
		&amqpwire.Attach{Name: "n", Handle: 1, Source: &amqpwire.Source{Filter: reason.Info}},
		&amqpwire.Detach{Closed: true, Error: reason}, &amqpwire.End{Error: reason}, &amqpwire.Close{Error: reason},
		&amqpwire.Begin{RemoteChannel: new(uint16)}, &amqpwire.Open{ContainerID: "again"},
	} {
		f.Add(frameOf(f, 0, body))
	}
	f.Fuzz(func(t *testing.T, piece []byte) { receive(t, newScripted(t, piece, true), math.MaxInt) })
}
