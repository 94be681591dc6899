package console

import (
	"testing"

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
