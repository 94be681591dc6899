package mqttfront

import (
	"testing"
	"time"

	"iothub-c2d/internal/localhub/broker"
)

func TestBag(t *testing.T) {
	t.Parallel()
	const to = "/devices/dev1/messages/devicebound"
	for _, test := range []struct {
		name string
		m    broker.Message
		want string
	}{
		{
			"all",
			broker.Message{
				ID: "m1", To: to, CorrelationID: "c1", UserID: []byte("u 1"), ContentType: "text/plain", ContentEncoding: "utf-8",
				Expiry: time.Date(2026, 11, 25, 20, 0, 5, 123_456_700, time.FixedZone("", 3600)), Ack: broker.AckFull,
				Properties: []broker.Property{{Name: "a", Value: "b"}, {Name: "c", Value: "d"}},
			},
			"%24.mid=m1&%24.to=%2Fdevices%2Fdev1%2Fmessages%2Fdevicebound&%24.cid=c1&%24.uid=u%201&%24.ct=text%2Fplain&%24.ce=utf-8" +
				"&%24.exp=2026-11-25T19%3A00%3A05.1234567Z&iothub-ack=full&a=b&c=d",
		},
		{"recipient only", broker.Message{To: to}, "%24.to=%2Fdevices%2Fdev1%2Fmessages%2Fdevicebound"},
		{"null and empty", broker.Message{To: "t", Properties: []broker.Property{{Name: "null", Null: true}, {Name: "empty"}}}, "%24.to=t&null&empty="},
		{"no feedback", broker.Message{To: "t", Ack: broker.AckNone}, "%24.to=t&iothub-ack=none"},
		{
			"odd characters",
			broker.Message{ID: "a b+c&d=e%", To: "t", Properties: []broker.Property{{Name: "odd!#$%&'*+-.^_`|~", Value: "ü/+#?&=%\x00 \n"}}},
			"%24.mid=a%20b%2Bc%26d%3De%25&%24.to=t&odd%21%23%24%25%26%27%2A%2B-.%5E_%60%7C~=%C3%BC%2F%2B%23%3F%26%3D%25%00%20%0A",
		},
		{"user id that is no text", broker.Message{To: "t", UserID: []byte{0xff, 0}}, "%24.to=t&%24.uid=%FF%00"},
		{"order of the sender", broker.Message{To: "t", Properties: []broker.Property{{Name: "z", Value: "1"}, {Name: "a", Value: "2"}}}, "%24.to=t&z=1&a=2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := bag(&test.m); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
