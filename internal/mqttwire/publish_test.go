package mqttwire

// publishVectors are about §3.3 and §3.4.
var publishVectors = []vector{
	{name: "publish", wire: `30 03 0001 "t"`, want: &Publish{Topic: "t"}},
	{name: "publish-payload", wire: `30 07 0001 "t" 00ff 0000`, want: &Publish{Topic: "t", Payload: []byte{0, 0xff, 0, 0}}},
	{
		name: "publish-qos-1",
		wire: `32 0a 0003 "a/b" ffff "hey"`,
		want: &Publish{QoS: AtLeastOnce, Topic: "a/b", ID: 65535, Payload: []byte("hey")},
	},
	{
		name: "publish-all-flags",
		wire: `3d 06 0001 "t" 0001 "x"`,
		want: &Publish{Dup: true, QoS: ExactlyOnce, Retain: true, Topic: "t", ID: 1, Payload: []byte("x")},
	},
	{
		name: "publish-telemetry",
		wire: `32 2d 001f "devices/d/messages/events/%24.a" 0001 "twenty-one"`,
		want: &Publish{QoS: AtLeastOnce, Topic: "devices/d/messages/events/%24.a", ID: 1, Payload: []byte("twenty-one")},
	},
	{name: "publish-space-topic", wire: `30 03 0001 " "`, want: &Publish{Topic: " "}},
	{name: "publish-qos-3", wire: `36 05 0001 "t" 0001`, err: "QoS 3"},
	{name: "publish-dup-qos-0", wire: `38 03 0001 "t"`, err: "DUP with QoS 0"},
	{name: "publish-id-0", wire: `32 05 0001 "t" 0000`, err: "packet id 0 with QoS 1"},
	{name: "publish-no-topic", wire: `30 02 0000`, err: "no topic"},
	{name: "publish-plus", wire: `30 05 0003 "a/+"`, err: "wildcard"},
	{name: "publish-hash", wire: `30 03 0001 "#"`, err: "wildcard"},
	{name: "publish-not-utf8", wire: `30 04 0002 c3 28`, err: "not UTF-8"},
	{name: "publish-null", wire: `30 05 0003 "a" 00 "b"`, err: "null character"},
	{name: "publish-ends-in-topic", wire: `30 04 0005 "to"`, err: "ends in a field"},
	{name: "publish-ends-in-id", wire: `32 04 0001 "t" 00`, err: "ends in a field"},
	{name: "publish-nothing", wire: `30 00`, err: "ends in a field"},

	{name: "puback", wire: `40 02 0102`, want: &PubAck{ID: 0x102}},
	{name: "puback-id-0", wire: `40 02 0000`, err: "packet id 0"},
	{name: "puback-short", wire: `40 01 05`, err: "ends in a field"},
	{name: "puback-long", wire: `40 03 0001 07`, err: "1 bytes after the end"},
	{name: "puback-flags", wire: `42 02 0001`, err: "flags 0x2"},
}
