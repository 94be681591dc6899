package main

import (
	"testing"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/value"
)

// TestEventLine wants an event to look as package json makes it.
func TestEventLine(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 25, 23, 59, 59, 0, time.UTC)
	for name, d := range map[string]iothub.Received{
		"nothing":       {},
		"everything":    {Message: iothub.Message{ID: "m", CorrelationID: "c", UserID: "u", ContentType: "t", ContentEncoding: "e", ModuleID: "o", Body: []byte("b"), Ack: "full", Expiry: at}, SequenceNumber: 7, DeliveryCount: 3, EnqueuedTime: at},
		"odd texts":     {Message: iothub.Message{ID: "\"\x1b", Body: []byte("<\n\u2028>"), Properties: map[string]any{"b\\": "\x00", "a": "é"}}},
		"types of ids":  {Message: iothub.Message{ID: "AA==", IDType: value.NameBinary, CorrelationID: "7", CorrelationIDType: "ulong", UserID: "/w==", UserIDType: value.NameBinary}},
		"bytes":         {Message: iothub.Message{Body: []byte{0xff}}},
		"types":         {Message: iothub.Message{Properties: map[string]any{"n": int32(5), "s": "s", "none": value.Null{}}}},
		"a value":       {Message: iothub.Message{Value: int64(5), Body: []byte("5")}},
		"sequences":     {Message: iothub.Message{Sequences: []value.List{{"a"}}, Body: []byte(`[["a"]]`)}},
		"not read":      {Unreadable: "it has no end"},
		"null property": {Message: iothub.Message{Properties: map[string]any{"none": value.Null{}}}},
	} {
		e := newEvent(3, &iothub.Delivery{DeviceID: "dev1", Received: d}, complete, at)
		want, err := console.JSON(e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.line(); got != want+"\n" || err != nil {
			t.Errorf("%s: got\n%s%v, want\n%s", name, got, err, want)
		}
	}
}
