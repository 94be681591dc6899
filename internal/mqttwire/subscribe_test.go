package mqttwire

// subscribeVectors are about §3.8 to §3.11.
var subscribeVectors = []vector{
	{
		name: "subscribe",
		wire: `82 10 0001 0005 "a/b/#" 01 0003 "c/+" 02`,
		want: &Subscribe{ID: 1, Filters: []Filter{{"a/b/#", AtLeastOnce}, {"c/+", ExactlyOnce}}},
	},
	{
		name: "subscribe-odd-wildcards", // refused by who knows the topics
		wire: `82 09 0001 0004 "a#/+" 00`,
		want: &Subscribe{ID: 1, Filters: []Filter{{"a#/+", AtMostOnce}}},
	},
	{name: "subscribe-no-filters", wire: `82 02 0001`, err: "without filters"},
	{name: "subscribe-empty-filter", wire: `82 05 0001 0000 00`, err: "empty topic filter"},
	{name: "subscribe-id-0", wire: `82 06 0000 0001 "t" 00`, err: "packet id 0"},
	{name: "subscribe-qos-3", wire: `82 06 0001 0001 "t" 03`, err: "QoS 3"},
	{name: "subscribe-reserved-bits", wire: `82 06 0001 0001 "t" 41`, err: "QoS 65"},
	{name: "subscribe-not-utf8", wire: `82 06 0001 0001 80 00`, err: "not UTF-8"},
	{name: "subscribe-ends-in-filter", wire: `82 07 0001 0009 "abc"`, err: "ends in a field"},
	{name: "subscribe-ends-before-qos", wire: `82 05 0001 0001 "t"`, err: "ends in a field"},
	{name: "subscribe-flags", wire: `80 06 0001 0001 "t" 00`, err: "flags 0x0"},

	{
		name: "suback",
		wire: `90 06 0001 00010280`,
		want: &SubAck{ID: 1, Granted: []QoS{AtMostOnce, AtLeastOnce, ExactlyOnce, Refused}},
	},
	{name: "suback-unknown-code", wire: `90 03 0001 03`, err: "0x3 in a SUBACK"},
	{name: "suback-nothing", wire: `90 02 0001`, err: "without answers"},
	{name: "suback-id-0", wire: `90 03 0000 00`, err: "packet id 0"},

	{
		name: "unsubscribe-empty-filter",
		wire: `a2 0b 0002 0005 "a/b/#" 0000`,
		err:  "empty topic filter",
	},
	{name: "unsubscribe-two", wire: `a2 09 0002 0002 "a#" 0001 "b"`, want: &Unsubscribe{ID: 2, Topics: []string{"a#", "b"}}},
	{name: "unsubscribe-nothing", wire: `a2 02 0001`, err: "without filters"},
	{name: "unsubscribe-id-0", wire: `a2 05 0000 0001 "t"`, err: "packet id 0"},
	{name: "unsubscribe-ends-in-filter", wire: `a2 04 0001 0001`, err: "ends in a field"},
	{name: "unsubscribe-flags", wire: `a0 05 0001 0001 "t"`, err: "flags 0x0"},

	{name: "unsuback", wire: `b0 02 ffff`, want: &UnsubAck{ID: 65535}},
	{name: "unsuback-id-0", wire: `b0 02 0000`, err: "packet id 0"},
}
