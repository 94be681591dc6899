package mqttwire

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

// connectVectors are about §3.1.
var connectVectors = []vector{
	{
		name: "connect-least",
		wire: `10 0d 0004 "MQTT" 04 02 0000 0001 "d"`,
		want: &Connect{ClientID: "d", CleanSession: true},
	},
	{
		name: "connect-all",
		wire: `10 2b 0004 "MQTT" 04 ee 00b4 0004 "dev1" 0001 "t" 0004 "gone" 000b "hub/dev1/?v" 0003 00ff00`,
		want: &Connect{
			ClientID: "dev1", CleanSession: true, KeepAlive: 180,
			Will:     &Will{Topic: "t", Payload: []byte("gone"), QoS: AtLeastOnce, Retain: true},
			Username: new("hub/dev1/?v"), Password: Password("\x00\xff\x00"),
		},
	},
	{
		name: "connect-empty-fields", // they are there all the same
		wire: `10 15 0004 "MQTT" 04 c6 0000 0000 0001 "t" 0000 0000 0000`,
		want: &Connect{CleanSession: true, Will: &Will{Topic: "t", Payload: []byte{}}, Username: new(""), Password: Password{}},
	},
	{
		name: "connect-username-only",
		wire: `10 10 0004 "MQTT" 04 80 0000 0001 "d" 0001 "u"`,
		want: &Connect{ClientID: "d", Username: new("u")},
	},
	{
		name: "connect-beyond-ascii", // a byte order mark is a character like others (§1.5.3)
		wire: `10 12 0004 "MQTT" 04 00 0000 0006 "\xef\xbb\xbfü!"`,
		want: &Connect{ClientID: "\ufeffü!"},
	},
	{name: "connect-version-5", wire: `10 0e 0004 "MQTT" 05 02 0000 00 0001 "d"`, err: `protocol "MQTT" level 5 is not MQTT 3.1.1`},
	{name: "connect-version-31", wire: `10 0f 0006 "MQIsdp" 03 02 0000 0001 "d"`, err: `protocol "MQIsdp" level 3`},
	{name: "connect-other-protocol", wire: `10 0d 0004 "HTTP" 04 02 0000 0001 "d"`, err: `protocol "HTTP" level 4`},
	{name: "connect-reserved-flag", wire: `10 0d 0004 "MQTT" 04 03 0000 0001 "d"`, err: "reserved flag"},
	{name: "connect-will-qos-without-will", wire: `10 0d 0004 "MQTT" 04 0a 0000 0001 "d"`, err: "without a will"},
	{name: "connect-will-retain-without-will", wire: `10 0d 0004 "MQTT" 04 22 0000 0001 "d"`, err: "without a will"},
	{name: "connect-will-qos-3", wire: `10 12 0004 "MQTT" 04 1e 0000 0001 "d" 0001 "t" 0000`, err: "QoS 3"},
	{name: "connect-will-wildcard", wire: `10 12 0004 "MQTT" 04 06 0000 0001 "d" 0001 "#" 0000`, err: "wildcard"},
	{name: "connect-will-without-topic", wire: `10 11 0004 "MQTT" 04 06 0000 0001 "d" 0000 0000`, err: "no topic"},
	{name: "connect-password-only", wire: `10 10 0004 "MQTT" 04 40 0000 0001 "d" 0001 "p"`, err: "without a user name"},
	{name: "connect-id-not-utf8", wire: `10 0d 0004 "MQTT" 04 02 0000 0001 ff`, err: "not UTF-8"},
	{name: "connect-id-surrogate", wire: `10 0f 0004 "MQTT" 04 02 0000 0003 eda080`, err: "not UTF-8"},
	{name: "connect-id-null", wire: `10 0d 0004 "MQTT" 04 02 0000 0001 00`, err: "null character"},
	{name: "connect-username-null", wire: `10 10 0004 "MQTT" 04 82 0000 0001 "d" 0001 00`, err: "null character"},
	{name: "connect-ends-in-protocol", wire: `10 03 0004 "M"`, err: "ends in a field"},
	{name: "connect-ends-before-flags", wire: `10 07 0004 "MQTT" 04`, err: "ends in a field"},
	{name: "connect-ends-in-keep-alive", wire: `10 09 0004 "MQTT" 04 02 00`, err: "ends in a field"},
	{name: "connect-ends-in-id", wire: `10 0d 0004 "MQTT" 04 02 0000 0008 "d"`, err: "ends in a field"},
	{name: "connect-ends-before-username", wire: `10 0d 0004 "MQTT" 04 82 0000 0001 "d"`, err: "ends in a field"},
	{name: "connect-bytes-after-end", wire: `10 0e 0004 "MQTT" 04 02 0000 0001 "d" 00`, err: "1 bytes after the end"},
	{name: "connect-flags", wire: `11 0d 0004 "MQTT" 04 02 0000 0001 "d"`, err: "flags 0x1"},
}

// connAckVectors are about §3.2.
var connAckVectors = []vector{
	{name: "connack-accepted", wire: `20 02 00 00`, want: &ConnAck{}},
	{name: "connack-session", wire: `20 02 01 00`, want: &ConnAck{SessionPresent: true}},
	{name: "connack-refused", wire: `20 02 00 05`, want: &ConnAck{Code: NotAuthorized}},
	{name: "connack-refused-with-session", wire: `20 02 01 05`, err: "a refusal with a session"},
	{name: "connack-flags", wire: `20 02 02 00`, err: "flags 0x2"},
	{name: "connack-short", wire: `20 01 00`, err: "ends in a field"},
	{name: "connack-long", wire: `20 03 000000`, err: "after the end"},
}

func TestReadConnect(t *testing.T) {
	t.Parallel()
	const packet = "\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01d"
	for _, test := range []struct {
		name, wire string
		limit      int
		want       error
	}{
		{"connect", packet, 13, nil},
		{"too long", packet, 12, ErrTooLong},
		{"another packet", "\xc0\x00", 100, ErrMalformed},
		{"nothing", "", 100, io.EOF},
		{"a part", packet[:9], 100, io.ErrUnexpectedEOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := bufio.NewReader(strings.NewReader(test.wire))
			got, err := ReadConnect(r, test.limit)
			if !errors.Is(err, test.want) || (got == nil) != (err != nil) {
				t.Errorf("got %+v, %v, want %v", got, err, test.want)
			}
		})
	}
}
