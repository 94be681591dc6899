package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/value"
)

func TestParseJSONLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, line string
		want       outgoing
	}{
		{
			"everything",
			`{"event":"message","n":7,"deviceId":"d","messageId":"m","correlationId":"c","userId":"u","contentType":"text/plain","contentEncoding":"utf-8","payload":"hello","payloadEncoding":"utf8","properties":{"a":"1"},"ack":"negative","expiryTimeUtc":"2099-01-02T03:04:05Z"}`,
			outgoing{device: "d", addressed: true, message: iothub.Message{
				ID: "m", CorrelationID: "c", UserID: "u", ContentType: "text/plain", ContentEncoding: "utf-8",
				Body: []byte("hello"), Properties: map[string]any{"a": "1"}, Ack: iothub.AckNegative,
				Expiry: time.Date(2099, 1, 2, 3, 4, 5, 0, time.UTC),
			}},
		},
		{
			"a module", `{"payload":"x","deviceId":"d","moduleId":"m"}`,
			outgoing{device: "d", addressed: true, message: iothub.Message{ModuleID: "m", Body: []byte("x")}},
		},
		{"no device", `{"payload":"x"}`, outgoing{device: "default", message: iothub.Message{Body: []byte("x")}}},
		{"bytes", `{"payload":"AP8=","payloadEncoding":"base64"}`, outgoing{device: "default", message: iothub.Message{Body: []byte{0, 255}}}},
		{"an object", `{"payload": {"a": [1, 2]} }`, outgoing{device: "default", message: iothub.Message{Body: []byte(`{"a": [1, 2]}`)}}},
		{"a number", `{"payload":14.32}`, outgoing{device: "default", message: iothub.Message{Body: []byte(`14.32`)}}},
		{"empty", `{"payload":""}`, outgoing{device: "default", message: iothub.Message{Body: []byte{}}}},
		{"what the device prints", `{"event":"message","n":0,"payload":"x","deliveryCount":1,"sequenceNumber":2,"enqueuedTimeUtc":"","settlement":"complete","receivedAt":""}`, outgoing{device: "default", message: iothub.Message{Body: []byte("x")}}},
		{"null", `{"payload":null}`, outgoing{device: "default"}},
		{
			"types that are not the usual ones",
			`{"messageId":"7","messageIdType":"ulong","correlationId":"/w==","correlationIdType":"binary","userId":"dJk=","userIdType":"binary","payload":"x",` +
				`"properties":{"null":null,"text":"null","int":"5","list":"[1]"},"propertyTypes":{"null":"null","int":"int","list":{"list":"long"}}}`,
			outgoing{device: "default", message: iothub.Message{
				ID: "7", IDType: "ulong", CorrelationID: "/w==", CorrelationIDType: "binary", UserID: "dJk=", UserIDType: "binary", Body: []byte("x"),
				Properties: map[string]any{"null": nil, "text": "null", "int": int32(5), "list": value.List{int64(1)}},
			}},
		},
		{"data, said to be", `{"payload":"x","bodyType":"data"}`, outgoing{device: "default", message: iothub.Message{Body: []byte("x")}}},
		{"a text as value", `{"payload":"x","bodyType":"value"}`, outgoing{device: "default", message: iothub.Message{Body: []byte("x"), Value: "x"}}},
		{
			"bytes as value", `{"payload":"/w==","payloadEncoding":"base64","bodyType":"value","payloadType":"binary"}`,
			outgoing{device: "default", message: iothub.Message{Body: []byte{0xff}, Value: []byte{0xff}}},
		},
		{
			"a number as value", `{"payload":5,"bodyType":"value","payloadType":"ubyte"}`,
			outgoing{device: "default", message: iothub.Message{Body: []byte("5"), Value: uint8(5)}},
		},
		{
			"null as value", `{"payload":"","bodyType":"value","payloadType":"null"}`,
			outgoing{device: "default", message: iothub.Message{Body: []byte{}, Value: value.Null{}}},
		},
		{
			"a map as value", `{"payload":{"a":1},"payloadEncoding":"json","bodyType":"value","payloadType":{"map":{"a":"long"}}}`,
			outgoing{device: "default", message: iothub.Message{Body: []byte(`{"a":1}`), Value: value.Map{{Key: "a", Value: int64(1)}}}},
		},
		{
			"sequences", `{"payload":"[[1],[\"x\"]]","payloadEncoding":"json","bodyType":"sequence"}`,
			outgoing{device: "default", message: iothub.Message{Body: []byte(`[[1],["x"]]`), Sequences: []value.List{{int32(1)}, {"x"}}}},
		},
		{"the ack mode as property", `{"payload":"x","properties":{"iothub-ack":"negative"}}`, outgoing{device: "default", message: iothub.Message{Body: []byte("x"), Properties: map[string]any{}, Ack: iothub.AckNegative}}},
		{"the ack mode twice", `{"payload":"x","ack":"full","properties":{"IoTHub-Ack":"full"}}`, outgoing{device: "default", message: iothub.Message{Body: []byte("x"), Properties: map[string]any{}, Ack: iothub.AckFull}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := outgoing{device: "default"}
			if err := parseJSONLine(&got, []byte(test.line)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(outgoing{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseJSONLineErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ line, want string }{
		{``, "not an object"},
		{`"hello"`, "not an object"},
		{`null`, "not an object"},
		{`[]`, "not an object"},
		{`{`, "not a message in JSON"},
		{`{"payload":"x"} {}`, "more than one value"},
		{`{"payload":"x"}]`, "more than one value"},
		{`{}`, `no "payload"`},
		{`{"paylod":"x"}`, `unknown field "paylod"`},
		{`{"payload":"!","payloadEncoding":"base64"}`, "illegal base64"},
		{`{"payload":"x","payloadEncoding":"hex"}`, "neither utf8 nor base64"},
		{`{"payload":"x","deviceId":"two words"}`, "deviceId"},
		{`{"payload":"x","moduleId":"two words"}`, "moduleId: that is no module id"},
		{`{"payload":"x","ack":"maybe"}`, `ack "maybe"`},
		{`{"payload":"x","expiryTimeUtc":"soon"}`, "expiryTimeUtc"},
		{`{"payload":"x","properties":{"b":true,"a":1}}`, `not a message in JSON: property "a" must be a string`},
		{`{"payload":"x","properties":[]}`, "properties must be an object"},
		{`{"payload":"x","messageId":5}`, "not a message in JSON: messageId must be a string"},
		{`{"payload":"x","ttl":"10s"}`, `not a message in JSON: unknown field "ttl"`},
		{"{\"payload\":\"\xf6\"}", "not UTF-8"},
		{`{"payload":"x","properties":{"a":"1"},"propertyTypes":{"a":"number"}}`, `property "a": "number" is no type of AMQP`},
		{`{"payload":"x","properties":{"a":"x"},"propertyTypes":{"a":"int"}}`, `property "a": "x" as int`},
		{`{"payload":"x","properties":{"a":null},"propertyTypes":{"a":"int"}}`, `property "a" is null, and of another type`},
		{`{"payload":"x","properties":{"a":"x"},"propertyTypes":{"b":"int"}}`, `propertyTypes has "b", which is no property`},
		{`{"payload":"x","propertyTypes":5}`, "propertyTypes must be an object"},
		{`{"payload":"x","properties":{"a":"x"},"propertyTypes":{"a":"char"}}`, "the AMQP library cannot send the type char"},
		{`{"payload":"x","messageId":"x","messageIdType":"ulong"}`, `the message id: "x" as ulong`},
		{`{"payload":"x","userId":"!","userIdType":"binary"}`, "the user id"},
		{`{"payload":"x","bodyType":"map"}`, `bodyType "map" is none of data, value, sequence`},
		{`{"payload":"x","payloadType":"int"}`, `payloadType needs "bodyType":"value"`},
		{`{"payload":"x","bodyType":"value","payloadType":"int"}`, `payload: "x" as int`},
		{`{"payload":"[]","bodyType":"sequence"}`, "one at least"},
		{`{"payload":"[1]","bodyType":"sequence"}`, "sequences are a list of lists"},
		{`{"payload":"{","bodyType":"sequence"}`, "payload: \"list\": not JSON"},
		{`{"payload":"x","properties":{"iothub-ack":"maybe"}}`, `property "iothub-ack" "maybe" is not one of full`},
		{`{"payload":"x","ack":"full","properties":{"iothub-ack":"none"}}`, `property "iothub-ack" is none, and ack is full`},
		{`{"payload":"x","properties":{"message-id":"x"}}`, `property "message-id" is a system property: use "messageId"`},
		{`{"payload":"x","properties":{"iothub-correlationid":"x"}}`, `use "correlationId"`},
		{`{"payload":"x","properties":{"Sequence-Number":"1"}}`, `property "Sequence-Number" is set by the hub alone`},
	} {
		var out outgoing
		if err := parseJSONLine(&out, []byte(test.line)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.line, err, test.want)
		}
	}
}

func TestIsNoMessage(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"": true, " \t": true, `{"event":"sent"}`: true, `{"event":"feedback"}`: true,
		`{"event":"summary"}`: true, `{"event":"purged"}`: true, `{"event":"lockLost"}`: true, `{"event":"refused"}`: true, `{"event":"doubtful"}`: true, `{"event":"order"}`: false,
		`{"event":"message"}`: false, `{"event":"dry-run"}`: false, `{}`: false, `{`: false, `{"event":1}`: false,
	} {
		if got := isNoMessage([]byte(line)); got != want {
			t.Errorf("%q: got %v, want %v", line, got, want)
		}
	}
}

// FuzzParseJSONLine: what is taken has a device, an ack mode that exists, and
// the payload of the line.
func FuzzParseJSONLine(f *testing.F) {
	f.Add([]byte(`{"payload":"x","deviceId":"d"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		out := outgoing{device: "default"}
		if parseJSONLine(&out, line) != nil {
			return
		}
		var j struct {
			Payload         any
			PayloadEncoding string
		}
		if err := json.Unmarshal(line, &j); err != nil {
			t.Fatalf("%q was taken, and is not JSON: %v", line, err)
		}
		if out.device == "" || out.addressed && strings.ContainsAny(out.device, "/; ") {
			t.Errorf("device %q", out.device)
		}
		text, ok := j.Payload.(string)
		if ok && j.PayloadEncoding == "" && utf8.Valid(line) && text != string(out.message.Body) {
			t.Errorf("body %q, want %q", out.message.Body, text)
		}
	})
}
