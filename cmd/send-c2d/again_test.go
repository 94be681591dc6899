package main

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/value"
)

// TestWhatIsPrintedCanBeSentAgain reads messages from the JSON that both programs
// print, and wants them to be the same.
func TestWhatIsPrintedCanBeSentAgain(t *testing.T) {
	t.Parallel()
	now := value.NewTimestamp(time.Now())
	list := value.List{
		nil, true, uint8(1), uint16(1), uint32(1), uint64(math.MaxUint64), int8(-1), int16(-1), int32(-1), int64(-1), int64(math.MinInt64),
		float32(0.1), 0.1, 1e300, 2.0, "text",
		[]byte{0},
		now,
		value.UUID{1},
		value.Symbol("s"),
		value.List{},
		value.Array{int32(1)},
		value.Map{{Key: uint8(1), Value: "v"}, {Key: uint8(2), Value: value.Map{}}},
	}
	properties := make(map[string]any)
	for i, v := range list {
		properties[string(rune('a'+i))] = v
	}
	for _, want := range []iothub.Message{
		{Body: []byte("hello")},
		{Body: []byte{0xff, 0}},
		{
			ModuleID: "module", ID: "m", CorrelationID: "c", UserID: "u", ContentType: "text/plain", ContentEncoding: "utf-8", Body: []byte("x"),
			Properties: properties, Ack: iothub.AckPositive, Expiry: time.Date(2099, 1, 2, 3, 4, 5, 678e6, time.UTC),
		},
		{ID: "7", IDType: "ulong", CorrelationID: now.Time().Format(time.RFC3339Nano), CorrelationIDType: "timestamp", UserID: "dJk=", UserIDType: "binary"},
		{ID: "", IDType: "string"},
		{Value: "text"},
		{Value: []byte{0xff}},
		{Value: []byte("text")},
		{Value: value.Null{}},
		{Value: int64(5)},
		{Value: list},
		{Value: value.Map{{Key: "k", Value: list}}},
		{Sequences: []value.List{list, {}}},
	} {
		switch v := want.Value.(type) { // as a device has it
		case nil:
		case []byte:
			want.Body = v
		default:
			want.Body = []byte(value.Text(v))
		}
		if want.Sequences != nil {
			want.Body = []byte(value.Text(iothub.Sections(want.Sequences)))
		}
		line, err := console.JSON(dryRunEvent{"dry-run", 0, console.NewMessageFields("d", &want), want.Ack, console.Timestamp(want.Expiry)})
		if err != nil {
			t.Fatal(err)
		}
		var got outgoing
		if err := parseJSONLine(&got, []byte(line)); err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if diff := cmp.Diff(want, got.message, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}
