package amqpwire

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// The composite types of the specification: descriptor, name, and the fields
// in their order, each with its primitive type. "!" is mandatory, "*" is any
// type, and "symbols" is a symbol that may be multiple.
const specification = `
0x10 open container-id:string! hostname:string max-frame-size:uint channel-max:ushort idle-time-out:uint outgoing-locales:symbols incoming-locales:symbols offered-capabilities:symbols desired-capabilities:symbols properties:map
0x11 begin remote-channel:ushort next-outgoing-id:uint! incoming-window:uint! outgoing-window:uint! handle-max:uint offered-capabilities:symbols desired-capabilities:symbols properties:map
0x12 attach name:string! handle:uint! role:boolean! snd-settle-mode:ubyte rcv-settle-mode:ubyte source:source target:target unsettled:map incomplete-unsettled:boolean initial-delivery-count:uint max-message-size:ulong offered-capabilities:symbols desired-capabilities:symbols properties:map
0x13 flow next-incoming-id:uint incoming-window:uint! next-outgoing-id:uint! outgoing-window:uint! handle:uint delivery-count:uint link-credit:uint available:uint drain:boolean echo:boolean properties:map
0x14 transfer handle:uint! delivery-id:uint delivery-tag:binary message-format:uint settled:boolean more:boolean rcv-settle-mode:ubyte state:state resume:boolean aborted:boolean batchable:boolean
0x15 disposition role:boolean! first:uint! last:uint settled:boolean state:state batchable:boolean
0x16 detach handle:uint! closed:boolean error:error
0x17 end error:error
0x18 close error:error
0x1d error condition:symbol! description:string info:map
0x23 received section-number:uint! section-offset:ulong!
0x24 accepted
0x25 rejected error:error
0x26 released
0x27 modified delivery-failed:boolean undeliverable-here:boolean message-annotations:map
0x28 source address:string durable:uint expiry-policy:symbol timeout:uint dynamic:boolean dynamic-node-properties:map distribution-mode:symbol filter:map default-outcome:* outcomes:symbols capabilities:symbols
0x30 coordinator capabilities:symbols
0x29 target address:string durable:uint expiry-policy:symbol timeout:uint dynamic:boolean dynamic-node-properties:map capabilities:symbols
0x40 sasl-mechanisms sasl-server-mechanisms:symbols!
0x41 sasl-init mechanism:symbol! initial-response:binary hostname:string
0x42 sasl-challenge challenge:binary!
0x43 sasl-response response:binary!
0x44 sasl-outcome code:ubyte! additional-data:binary
0x70 header durable:boolean priority:ubyte ttl:uint first-acquirer:boolean delivery-count:uint
0x73 properties message-id:* user-id:binary to:string subject:string reply-to:string correlation-id:* content-type:symbol content-encoding:symbol absolute-expiry-time:timestamp creation-time:timestamp group-id:string group-sequence:uint reply-to-group-id:string
`

var composites = []composite{
	&Open{}, &Begin{}, &Attach{}, &Flow{}, &Transfer{}, &Disposition{}, &Detach{}, &End{}, &Close{}, &Error{},
	&Received{}, &Accepted{}, &Rejected{}, &Released{}, &Modified{}, &Source{}, &Target{Coordinator: true}, &Target{},
	&SASLMechanisms{}, &SASLInit{}, &SASLChallenge{}, &SASLResponse{}, &SASLOutcome{}, &Header{}, &Properties{},
}

// primitives names the specification's type of each Go type of a field.
var primitives = map[string]string{
	"bool": "boolean", "string": "string", "uint8": "ubyte", "uint16": "ushort", "uint32": "uint", "uint64": "ulong",
	"[]uint8": "binary", "interface {}": "*", "amqpwire.Symbol": "symbol", "[]amqpwire.Symbol": "symbols",
	"amqpwire.Timestamp": "timestamp", "amqpwire.Map": "map", "amqpwire.DeliveryState": "state",
	"amqpwire.Error": "error", "amqpwire.Source": "source", "amqpwire.Target": "target",
}

func TestFieldLists(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(specification), "\n")
	if len(composites) != len(lines) {
		t.Fatalf("%d types, want %d", len(composites), len(lines))
	}
	for i, c := range composites {
		d := c.descriptor()
		got := fmt.Sprintf("%#x %s", d.code, d.name)
		for _, f := range c.fields() {
			got += " " + f.name + ":" + primitives[strings.TrimLeft(fmt.Sprintf("%T", f.ptr), "*")]
			if f.need == mandatory {
				got += "!"
			}
		}
		if got != lines[i] {
			t.Errorf("got  %s\nwant %s", got, lines[i])
		}
	}
}

// Each field of the list is the field of the struct that has its name.
func TestFieldPointers(t *testing.T) {
	t.Parallel()
	for _, c := range composites {
		v := reflect.ValueOf(c).Elem()
		fields := c.fields()
		listed := v.NumField()
		if t, ok := c.(*Target); ok {
			if t.Coordinator {
				continue // its one field is the target's
			}
			listed-- // Coordinator stands for the other descriptor
		}
		if len(fields) != listed {
			t.Errorf("%T: %d fields, want %d", c, len(fields), listed)
			continue
		}
		for i, f := range fields {
			name := v.Type().Field(i).Name
			if f.ptr != v.Field(i).Addr().Interface() {
				t.Errorf("%T: field %d is not %s", c, i, name)
			}
			spec := strings.TrimPrefix(strings.ReplaceAll(f.name, "-", ""), "saslserver")
			if !strings.EqualFold(spec, name) {
				t.Errorf("%T: %s is called %s", c, f.name, name)
			}
		}
	}
}

// Either form of a descriptor stands for the type, and no other value does.
func TestDescriptorMatches(t *testing.T) {
	t.Parallel()
	for _, c := range composites {
		d := c.descriptor()
		tests := []struct {
			v    any
			want bool
		}{
			{d.code, true},
			{Symbol("amqp:" + d.name + ":list"), true},
			{d.code + 0x100, false},
			{uint32(d.code), false},
			{"amqp:" + d.name + ":list", false},
			{Symbol("amqp:" + d.name + ":map"), false},
			{nil, false},
		}
		for _, tt := range tests {
			if got := d.matches(tt.v); got != tt.want {
				t.Errorf("%s matches %s: %t, want %t", d.name, dump(tt.v), got, tt.want)
			}
		}
	}
}
