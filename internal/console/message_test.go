package console

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/iothub"
)

func TestMessageFields(t *testing.T) {
	t.Parallel()
	m := iothub.Message{
		ID: "m", CorrelationID: "c", UserID: "u", ContentType: "ct", ContentEncoding: "ce",
		Body: []byte{0xff}, Properties: map[string]string{"a": "1"},
	}
	got, err := JSON(NewMessageFields("d", &m))
	want := `{"deviceId":"d","messageId":"m","correlationId":"c","userId":"u","contentType":"ct","contentEncoding":"ce",` +
		`"payload":"/w==","payloadEncoding":"base64","properties":{"a":"1"}}`
	if got != want || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	got, err = JSON(NewMessageFields("d", &iothub.Message{ModuleID: "x"}))
	if want := `{"deviceId":"d","moduleId":"x",`; !strings.HasPrefix(got, want) || err != nil {
		t.Errorf("got %s, %v, want %s...", got, err, want)
	}
	if p := NewMessageFields("d", &iothub.Message{}).Properties; p == nil {
		t.Error("no properties are null in JSON, want {}")
	}
}

func TestMessageFieldsPrintable(t *testing.T) {
	t.Parallel()
	const attack, shown = "\x1b[31m", `\x1b[31m`
	f := MessageFields{
		MessageID: attack, CorrelationID: attack, UserID: attack, ContentType: attack, ContentEncoding: attack,
		Payload: attack, Properties: map[string]string{attack: attack},
	}
	want := MessageFields{
		MessageID: shown, CorrelationID: shown, UserID: shown, ContentType: shown, ContentEncoding: shown,
		Payload: shown, Properties: map[string]string{shown: shown},
	}
	if diff := cmp.Diff(want, f.Printable()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPayload(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][2]string{
		"":         {"", "utf8"},
		"hello":    {"hello", "utf8"},
		"\x00":     {"\x00", "utf8"},
		"\xff\x00": {"/wA=", "base64"},
	} {
		text, encoding := Payload([]byte(body))
		if diff := cmp.Diff(want, [2]string{text, encoding}); diff != "" {
			t.Errorf("%q (-want +got):\n%s", body, diff)
		}
	}
}

func TestTimestamp(t *testing.T) {
	t.Parallel()
	if got := Timestamp(time.Time{}); got != "" {
		t.Errorf("got %q for no time", got)
	}
	at := time.Date(2026, 3, 1, 2, 3, 4, 567_890_000, time.FixedZone("", 3600))
	if got, want := Timestamp(at), "2026-03-01T01:03:04.567Z"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
