package iothub

import (
	"reflect"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/value"
	"iothub-c2d/internal/sas"
)

func TestEncodeMessage(t *testing.T) {
	t.Parallel()
	expiry := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		name   string
		device string
		m      Message
		want   *amqp.Message
	}{
		{"body only", "dev1", Message{Body: []byte("b")}, &amqp.Message{
			Properties: &amqp.MessageProperties{To: new("/devices/dev1/messages/devicebound")},
			Data:       [][]byte{[]byte("b")},
		}},
		{"everything", "dev1", Message{
			ID: "id", CorrelationID: "cid", UserID: "uid", ContentType: "text/plain", ContentEncoding: "utf-8",
			Body: []byte{0xff}, Properties: map[string]any{"k": "v"}, Expiry: expiry, Ack: AckFull,
		}, &amqp.Message{
			Properties: &amqp.MessageProperties{
				MessageID: "id", CorrelationID: "cid", UserID: []byte("uid"), To: new("/devices/dev1/messages/devicebound"),
				ContentType: new("text/plain"), ContentEncoding: new("utf-8"), AbsoluteExpiryTime: &expiry,
			},
			ApplicationProperties: map[string]any{"k": "v", "iothub-ack": "full"},
			Data:                  [][]byte{{0xff}},
		}},
		{"for a module", "dev1", Message{ModuleID: "a%"}, &amqp.Message{
			Properties: &amqp.MessageProperties{To: new("/devices/dev1/modules/a%25/messages/devicebound")},
			Data:       [][]byte{nil},
		}},
		{"odd device id", "a:b.c%_#*?!(),=@$'", Message{}, &amqp.Message{
			Properties: &amqp.MessageProperties{To: new("/devices/a%3Ab.c%25_%23%2A%3F%21%28%29%2C%3D%40%24%27/messages/devicebound")},
			Data:       [][]byte{nil},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.m.encode(tt.device); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\n%+v\nwant %+v\n%+v", got, got.Properties, tt.want, tt.want.Properties)
			}
		})
	}
}

// TestDecodeMessage covers the forms in which hubs and other senders put what
// means the same.
func TestDecodeMessage(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	none := map[string]any{}
	tests := []struct {
		name string
		m    amqp.Message
		want Received
	}{
		{"nothing", amqp.Message{}, Received{Message: Message{Properties: none}}},
		{
			"string ids",
			amqp.Message{Properties: &amqp.MessageProperties{MessageID: "m", CorrelationID: "c"}},
			Received{Message: Message{ID: "m", CorrelationID: "c", Properties: none}},
		},
		{
			"UUID as id, as the Node SDK sends it",
			amqp.Message{Properties: &amqp.MessageProperties{MessageID: amqp.UUID{1, 2}}},
			Received{Message: Message{ID: "01020000-0000-0000-0000-000000000000", IDType: "uuid", Properties: none}},
		},
		{
			"number and bytes as ids",
			amqp.Message{Properties: &amqp.MessageProperties{MessageID: uint64(7), CorrelationID: []byte("raw")}},
			Received{Message: Message{ID: "7", IDType: "ulong", CorrelationID: "cmF3", CorrelationIDType: "binary", Properties: none}},
		},
		{
			"an id that is there, and empty",
			amqp.Message{Properties: &amqp.MessageProperties{MessageID: ""}},
			Received{Message: Message{IDType: "string", Properties: none}},
		},
		{
			"an id of a type that no id may have",
			amqp.Message{Properties: &amqp.MessageProperties{MessageID: int64(5)}},
			Received{Message: Message{ID: "5", IDType: "long", Properties: none}},
		},
		{
			"a user id that is text",
			amqp.Message{Properties: &amqp.MessageProperties{UserID: []byte("Jörg")}},
			Received{Message: Message{UserID: "Jörg", Properties: none}},
		},
		{
			"a user id that is no text",
			amqp.Message{Properties: &amqp.MessageProperties{UserID: []byte{0x74, 0x99}}},
			Received{Message: Message{UserID: "dJk=", UserIDType: "binary", Properties: none}},
		},
		{"annotations of a real hub", amqp.Message{Annotations: amqp.Annotations{
			"x-opt-sequence-number": uint64(3), "iothub-enqueuedtime": at, "iothub-deliverycount": uint8(2),
		}}, Received{Message: Message{Properties: none}, SequenceNumber: 3, EnqueuedTime: at, DeliveryCount: 2}},
		{"annotations of small types", amqp.Message{Annotations: amqp.Annotations{
			"x-opt-sequence-number": int16(6), "iothub-deliverycount": int8(7),
		}}, Received{Message: Message{Properties: none}, SequenceNumber: 6, DeliveryCount: 7}},
		{"annotations of other types", amqp.Message{Annotations: amqp.Annotations{
			"x-opt-sequence-number": int64(4), "iothub-deliverycount": uint32(5), "iothub-enqueuedtime": "soon",
		}}, Received{Message: Message{Properties: none}, SequenceNumber: 4, DeliveryCount: 5}},
		{
			"properties that are no strings",
			amqp.Message{ApplicationProperties: map[string]any{
				"n": int32(5), "b": true, "null": nil, "time": at, "uuid": amqp.UUID{1}, "bad": "\xff", "iothub-ack": "negative",
			}},
			Received{Message: Message{Properties: map[string]any{
				"n": int32(5), "b": true, "null": nil, "time": value.NewTimestamp(at), "uuid": value.UUID{1}, "bad": []byte{0xff},
			}, Ack: AckNegative}},
		},
		{
			"an ack mode that is no text",
			amqp.Message{ApplicationProperties: map[string]any{"iothub-ack": int32(1)}},
			Received{Message: Message{Properties: map[string]any{"iothub-ack": int32(1)}}},
		},
		{
			"a property with values inside, of which the AMQP library tells no types",
			amqp.Message{ApplicationProperties: map[string]any{
				"list": []any{"x", []any{at}}, "map": map[string]any{"b": nil, "a": true}, "array": []int32{1}, "other": struct{ A, B int }{1, 2},
			}},
			Received{Message: Message{Properties: map[string]any{
				"list": value.List{"x", value.List{value.NewTimestamp(at)}}, "map": value.Map{{Key: "a", Value: true}, {Key: "b"}},
				"array": value.Array{int32(1)}, "other": "{1 2}",
			}}},
		},
		{
			"body in two sections",
			amqp.Message{Data: [][]byte{[]byte("a"), []byte("b")}},
			Received{Message: Message{Body: []byte("ab"), Properties: none}},
		},
		{"body as a string value", amqp.Message{Value: "text"}, Received{Message: Message{Body: []byte("text"), Value: "text", Properties: none}}},
		{"body as a binary value", amqp.Message{Value: []byte{1}}, Received{Message: Message{Body: []byte{1}, Value: []byte{1}, Properties: none}}},
		{
			"body as a map",
			amqp.Message{Value: map[string]any{"a": int32(1)}},
			Received{Message: Message{Body: []byte(`{"a":1}`), Value: value.Map{{Key: "a", Value: int32(1)}}, Properties: none}},
		},
		{
			"body as sequences",
			amqp.Message{Sequence: [][]any{{int32(1)}, {"x", nil}}},
			Received{Message: Message{Body: []byte(`[[1],["x",null]]`), Sequences: []value.List{{int32(1)}, {"x", nil}}, Properties: none}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := decode(&tt.m); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestReceiveAddress(t *testing.T) {
	t.Parallel()
	for want, cs := range map[string]sas.ConnectionString{
		"/devices/dev1/messages/devicebound":               {DeviceID: "dev1"},
		"/devices/a%3Ab%23%3F/messages/devicebound":        {DeviceID: "a:b#?"},
		"/devices/a%25/modules/m%3D1/messages/devicebound": {DeviceID: "a%", ModuleID: "m=1"},
	} {
		if got := receiveAddress(cs); got != want {
			t.Errorf("receiveAddress(%s, %s) = %s, want %s", cs.DeviceID, cs.ModuleID, got, want)
		}
	}
}
