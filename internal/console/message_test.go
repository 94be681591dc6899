package console

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/value"
)

func TestMessageFields(t *testing.T) {
	t.Parallel()
	m := iothub.Message{
		ID: "m", CorrelationID: "c", UserID: "u", ContentType: "ct", ContentEncoding: "ce",
		Body: []byte{0xff}, Properties: map[string]any{"a": "1"},
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

// TestMessageFieldsTellTypes: every value has its text, and a type if it is not the
// usual one. Null is none of the texts.
func TestMessageFieldsTellTypes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		m    iothub.Message
		want string // at the end
	}{
		{
			"ids",
			iothub.Message{ID: "7", IDType: "ulong", CorrelationID: "/w==", CorrelationIDType: "binary", UserID: "dJk=", UserIDType: "binary"},
			`"messageId":"7","messageIdType":"ulong","correlationId":"/w==","correlationIdType":"binary","userId":"dJk=","userIdType":"binary",` +
				`"contentType":"","contentEncoding":"","payload":"","payloadEncoding":"utf8","properties":{}}`,
		},
		{"properties", iothub.Message{Properties: map[string]any{
			"null": nil, "text": "null", "int": int32(5), "bytes": []byte{0}, "time": value.Timestamp(0), "list": value.List{int64(1)},
		}}, `"properties":{"bytes":"AA==","int":"5","list":"[1]","null":null,"text":"null","time":"1970-01-01T00:00:00.000Z"},` +
			`"propertyTypes":{"bytes":"binary","int":"int","list":{"list":"long"},"null":"null","time":"timestamp"}}`},
		{"a text as value", iothub.Message{Value: "x", Body: []byte("x")}, `"payload":"x","payloadEncoding":"utf8","bodyType":"value","properties":{}}`},
		{"bytes as value", iothub.Message{Value: []byte{0xff}, Body: []byte{0xff}}, `"payload":"/w==","payloadEncoding":"base64","bodyType":"value","payloadType":"binary","properties":{}}`},
		{"null as value", iothub.Message{Value: value.Null{}}, `"payload":"","payloadEncoding":"utf8","bodyType":"value","payloadType":"null","properties":{}}`},
		{
			"a map as value",
			iothub.Message{Value: value.Map{{Key: "a", Value: int64(1)}}, Body: []byte(`{"a":1}`)},
			`"payload":"{\"a\":1}","payloadEncoding":"json","bodyType":"value","payloadType":{"map":{"a":"long"}},"properties":{}}`,
		},
		{
			"sequences",
			iothub.Message{Sequences: []value.List{{int32(1)}, {"x"}}, Body: []byte(`[[1],["x"]]`)},
			`"payload":"[[1],[\"x\"]]","payloadEncoding":"json","bodyType":"sequence","payloadType":"list","properties":{}}`,
		},
	} {
		got, err := JSON(NewMessageFields("d", &test.m))
		if !strings.HasSuffix(got, test.want) || err != nil {
			t.Errorf("%s: got %s, %v, want ...%s", test.name, got, err, test.want)
		}
	}
	f := NewMessageFields("d", &iothub.Message{Properties: map[string]any{"null": nil, "int": int32(5)}})
	if diff := cmp.Diff(map[string]string{"null": "", "int": "5"}, f.Properties); diff != "" {
		t.Errorf("for templates (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"null": "null", "int": "int"}, f.PropertyTypes); diff != "" {
		t.Errorf("types for templates (-want +got):\n%s", diff)
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
