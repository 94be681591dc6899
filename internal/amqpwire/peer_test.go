package amqpwire

import (
	"bytes"
	"flag"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// go-amqp is a codec that others wrote and that the real service talks to. What
// we encode it must read, and what it encodes we must read, with the same
// meaning.

var peerMessages = flag.Uint64("peer-messages", 2000, "how many messages TestPeerRandomMessages makes")

func TestPeerRandomMessages(t *testing.T) {
	t.Parallel()
	for seed := range *peerMessages {
		g := generator{rand.New(rand.NewPCG(seed, 0))}
		if checkPeer(t, g.message()); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestPeerNamedMessages(t *testing.T) {
	t.Parallel()
	for name, m := range namedMessages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkPeer(t, m)
		})
	}
}

func namedMessages() map[string]*Message {
	uuid := UUID{0x6b, 0xa7, 0xb8, 0x10, 15: 0xc8}
	now := Timestamp(1502966924530)
	return map[string]*Message{
		"empty":          {},
		"empty sections": {Header: &Header{}, Properties: &Properties{}, Annotations: Map{}, Footer: Map{}},
		"command": {
			Properties:            &Properties{MessageID: "m-1", UserID: []byte("svc"), To: "/devices/d/messages/devicebound"},
			ApplicationProperties: Map{{"iothub-ack", "full"}},
			Data:                  [][]byte{[]byte("on")},
		},
		"delivered command": {
			Annotations: Map{
				{Symbol("x-opt-sequence-number"), uint64(1)},
				{Symbol("iothub-enqueuedtime"), now},
				{Symbol("iothub-deliverycount"), uint8(0)},
			},
			Data: [][]byte{{}},
		},
		"put-token": {
			Properties:            &Properties{MessageID: uint64(0), To: "$cbs", ReplyTo: "cbs"},
			ApplicationProperties: Map{{"operation", "put-token"}, {"expiration", now}},
			Value:                 "SharedAccessSignature sr=h",
		},
		"put-token reply": {
			Properties:            &Properties{CorrelationID: uuid},
			ApplicationProperties: Map{{"status-code", int32(200)}, {"status-description", "OK"}},
		},
		"unset time":      {Properties: &Properties{AbsoluteExpiryTime: new(Timestamp(-62135596800000))}},
		"largest numbers": {Value: List{uint64(math.MaxUint64), int64(math.MinInt64), uint32(math.MaxUint32), int32(math.MinInt32)}},
		"empty array":     {Value: Array{}},
		"array of times":  {Value: Array{now, Timestamp(0)}},
		"array of longs":  {Value: Array{int64(math.MaxInt64), int64(-128)}},
		"array of ints":   {Value: Array{int32(math.MaxInt32), int32(-128)}},
		"array of maps":   {Value: Array{Map{{"a", int32(1)}}, Map{{"b", int32(2)}}}},
		"several data":    {Data: [][]byte{[]byte("a"), {}, []byte("b")}},
		"sequences":       {Sequences: []List{{}, {"a", int64(1)}}},
		"long list":       {Value: make(List, 300)},
		"largest header":  {Header: &Header{true, new(uint8(255)), new(uint32(math.MaxUint32)), true, math.MaxUint32}},
	}
}

func checkPeer(t *testing.T, m *Message) {
	t.Helper()
	ours, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	var read amqp.Message
	if err := read.UnmarshalBinary(ours); err != nil {
		t.Fatalf("go-amqp does not read %s: %v", dump(m), err)
	}
	// It reads every symbol but those in arrays as a string.
	plain := func(s Symbol) any { return string(s) }
	if diff := peerDiff(toPeer(m, plain), &read); diff != "" {
		t.Errorf("go-amqp reads something else (-ours +its):\n%s", diff)
	}
	same := func(s Symbol) any { return s.peer() }
	theirs, err := toPeer(m, same).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeMessage(theirs)
	if err != nil {
		t.Fatalf("we do not read go-amqp's %x: %v", theirs, err)
	}
	if diff := peerDiff(toPeer(m, same), toPeer(back, same)); diff != "" {
		t.Errorf("we read something else (-its +ours):\n%s", diff)
	}
}

func peerDiff(want, got *amqp.Message) string {
	filled := func(a, b []byte) bool { return len(a) > 0 || len(b) > 0 }
	options := []cmp.Option{
		cmpopts.IgnoreUnexported(amqp.Message{}),
		cmpopts.EquateEmpty(),
		cmp.Comparer(time.Time.Equal),
		// For speed only: cmp would look at every byte by itself.
		cmp.FilterValues(filled, cmp.Comparer(bytes.Equal)),
		cmp.Comparer(func(a, b amqp.UUID) bool { return a == b }),
	}
	if cmp.Equal(want, got, options...) { // several times as fast as Diff
		return ""
	}
	return cmp.Diff(want, got, options...)
}
