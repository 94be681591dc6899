package iothub_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/value"
	"iothub-c2d/internal/localhub"
)

var someTime = value.NewTimestamp(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC))

// scalars have one of each type that may be a property, and of its limits.
var scalars = []any{
	nil, true, false, uint8(255), uint16(65535), uint32(math.MaxUint32), uint64(math.MaxUint64), uint32(0), uint64(0),
	int8(-128), int16(-32768), int32(math.MinInt32), int64(math.MinInt64), int32(-1), int64(1),
	float32(0.1), 2.5, math.Inf(1), "text", "",
	[]byte{0, 0xff},
	[]byte{},
	value.Symbol("symbol"),
	value.UUID{1, 2},
	someTime,
	value.Timestamp(math.MinInt64), value.Timestamp(-1),
}

// compounds have values inside.
var compounds = []any{
	value.List{},
	value.List{int32(1), value.Symbol("s"), value.List{someTime, nil}, value.Map{{Key: "k", Value: []byte{1}}}},
	value.Map{},
	value.Map{{Key: value.Symbol("s"), Value: int64(1)}},
	value.Map{{Key: uint8(1), Value: value.UUID{9}}},
	value.Array{true, false},
	value.Array{uint16(1)},
	value.Array{uint32(1), uint32(300)},
	value.Array{uint64(1)},
	value.Array{int8(-1)},
	value.Array{int16(-1)},
	value.Array{int32(-100), int32(100)},
	value.Array{int64(-1000), int64(1000)},
	value.Array{float32(1)},
	value.Array{2.5},
	value.Array{"a", "b"},
	value.Array{value.Symbol("a"), value.Symbol("b")},
	value.Array{[]byte{1}, []byte{2, 3}},
	value.Array{value.UUID{1}},
	value.Array{someTime},
	value.Array{value.Map{{Key: "k", Value: "v"}}},
}

// TestEveryTypeRoundTrips sends values of every type that the AMQP library can
// send, as properties, as ids and as bodies, and wants them to reach the device as
// they are.
func TestEveryTypeRoundTrips(t *testing.T) {
	t.Parallel()
	var messages []iothub.Message
	add := func(m iothub.Message) { messages = append(messages, m) }
	everything := make(map[string]any)
	for i, v := range scalars {
		everything[fmt.Sprintf("p%d", i)] = v
		if v != nil {
			add(iothub.Message{Value: v})
		}
	}
	add(iothub.Message{Properties: everything, Body: []byte("x")})
	for _, v := range compounds {
		add(iothub.Message{Value: v})
	}
	add(iothub.Message{Value: value.Null{}})
	add(iothub.Message{Sequences: []value.List{append(value.List{}, compounds...), {}}})
	for _, id := range []iothub.Message{
		{ID: "text"},
		{ID: "18446744073709551615", IDType: "ulong"},
		{ID: "01020000-0000-0000-0000-000000000000", IDType: "uuid"},
	} {
		id.CorrelationID, id.CorrelationIDType = id.ID, id.IDType
		id.UserID, id.Body = "Jörg", []byte{}
		add(id)
	}
	add(iothub.Message{CorrelationID: "/w==", CorrelationIDType: "binary", UserID: "dJk=", UserIDType: "binary", Body: []byte{}})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0, localhub.Options{MaxQueue: 1000})
		defer w.close()
		lost := iothub.Options{Lost: func(err error) { t.Errorf("connection lost: %v", err) }}
		s, d := w.service(t.Context(), lost), w.device(t.Context(), "dev1", lost)
		for _, want := range messages {
			if err := s.Send(t.Context(), "dev1", &want); err != nil {
				t.Errorf("%+v: %v", want, err)
				continue
			}
			got, err := d.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if want.Value != nil || want.Sequences != nil { // the body is their text then
				want.Body = got.Body
			}
			if diff := cmp.Diff(want, got.Message, cmpopts.EquateEmpty()); diff != "" || got.Unreadable != "" {
				t.Errorf("%q (-want +got):\n%s", got.Unreadable, diff)
			}
			if err := got.Complete(t.Context()); err != nil {
				t.Error(err)
			}
		}
		_ = s.Close(t.Context())
		_ = d.Close(t.Context())
	})
}

// TestValuesThatCannotBeSent wants an error at once, which says what it is about.
func TestValuesThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		m    iothub.Message
		want string
	}{
		{iothub.Message{Properties: map[string]any{"p": value.Char('x')}}, `the property "p": the AMQP library cannot send the type char`},
		{iothub.Message{Value: value.List{value.Decimal64{}}}, "the body: the AMQP library cannot send the type decimal64"},
		{iothub.Message{Sequences: []value.List{{value.Described{}}}}, "the body: the AMQP library cannot send the type described"},
		{iothub.Message{Value: value.Map{{Key: value.List{}, Value: "v"}}}, "cannot send a map with a key of type list"},
		{iothub.Message{Value: value.Map{{Key: []byte{}, Value: "v"}}}, "cannot send a map with a key of type binary"},
		{iothub.Message{Value: value.Map{{Key: "k", Value: "v"}, {Key: "k", Value: "w"}}}, "cannot send a map with the key k twice"},
		{iothub.Message{Value: value.Map{{Key: "k", Value: value.Char('x')}}}, "the type char"},
		{iothub.Message{Value: value.Map{{Key: value.Char('x'), Value: "v"}}}, "the type char"},
		{iothub.Message{Value: value.Array{"a", int32(1)}}, "an array of string and int"},
		{iothub.Message{Value: value.Array{uint8(1)}}, "cannot send an array of ubyte"},
		{iothub.Message{Value: value.Array{nil}}, "cannot send an array of null"},
		{iothub.Message{Value: value.Array{value.List{}}}, "cannot send an array of list"},
		{iothub.Message{Value: value.Array{int64(-1000), int64(1)}}, "an array of long with -1000 and none above 127"},
		{iothub.Message{Value: value.List{"J\xf6rg"}}, `"J\xf6rg" is not UTF-8`},
		{iothub.Message{Properties: map[string]any{"p": 1}}, `the property "p": AMQP has no type for Go's int`},
		{iothub.Message{ID: "x", IDType: "ulong"}, `the message id: "x" as ulong: invalid syntax`},
		{iothub.Message{CorrelationID: "x", CorrelationIDType: "uuid"}, `the correlation id: "x" as uuid`},
		{iothub.Message{UserID: "!", UserIDType: "binary"}, `the user id: "!" as binary: illegal base64`},
		{iothub.Message{UserID: "5", UserIDType: "ulong"}, "the user id cannot be of type ulong"},
	} {
		if err := tt.m.Validate(); !errors.Is(err, iothub.ErrInvalidMessage) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

// replacingConn puts another payload into the next message that is sent, once it is
// armed.
type replacingConn struct {
	net.Conn
	payload atomic.Pointer[[]byte]
}

func (r *replacingConn) Write(p []byte) (int, error) {
	f, err := amqpwire.DecodeFrame(p)
	if _, ok := f.Body.(*amqpwire.Transfer); err != nil || !ok {
		return r.Conn.Write(p)
	}
	if payload := r.payload.Swap(nil); payload != nil {
		f.Payload = *payload
		b, err := amqpwire.AppendFrame(nil, f)
		if err != nil {
			return 0, err
		}
		if _, err := r.Conn.Write(b); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return r.Conn.Write(p)
}

// FuzzMessageThroughHub: whatever a back end sends, the hub refuses it, or the
// device gets it, and the message behind it.
func FuzzMessageThroughHub(f *testing.F) {
	to := func(m amqpwire.Message) []byte {
		m.Properties = &amqpwire.Properties{To: "/devices/dev1/messages/devicebound"}
		return encodeMessage(f, &m)
	}
	for _, v := range []any{amqpwire.Char('x'), amqpwire.Decimal32{}, amqpwire.Array{amqpwire.List{"x"}}, oddKey, amqpwire.Symbol("s"), nil} {
		f.Add(to(amqpwire.Message{ApplicationProperties: amqpwire.Map{{Key: "p", Value: v}}}))
		f.Add(to(amqpwire.Message{Value: amqpwire.List{v}}))
		f.Add(to(amqpwire.Message{Annotations: amqpwire.Map{{Key: amqpwire.Symbol("a"), Value: v}}}))
	}
	f.Add(to(amqpwire.Message{Footer: oddKey}))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > 60_000 {
			return // it would take more than one frame
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w := newWorld(t, 0, localhub.Options{})
		defer w.close()
		var sending *replacingConn
		s := w.service(ctx, iothub.Options{NoReconnect: true, Dial: func(ctx context.Context) (net.Conn, error) {
			conn, err := w.dial(ctx)
			sending = &replacingConn{Conn: conn}
			return sending, err
		}})
		defer s.Close(ctx)
		d := w.device(ctx, "dev1", iothub.Options{Lost: func(err error) { t.Errorf("connection lost: %v", err) }})
		defer d.Close(ctx)
		sending.payload.Store(&payload)
		refused := s.Send(ctx, "dev1", &iothub.Message{})
		if err := s.Send(ctx, "dev1", &iothub.Message{Body: []byte("good")}); err != nil {
			return // the hub has hung up
		}
		for {
			m, err := d.Receive(ctx)
			if err != nil {
				t.Fatalf("%v (the hub said: %v)", err, refused)
			}
			if err := m.Reject(ctx); err != nil {
				t.Error(err)
			}
			if string(m.Body) == "good" && m.Value == nil {
				return
			}
		}
	})
}
