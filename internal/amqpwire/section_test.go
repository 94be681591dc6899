package amqpwire

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func (s Sections) all() [][]byte {
	return [][]byte{s.Header, s.DeliveryAnnotations, s.Annotations, s.Properties, s.ApplicationProperties, s.Body, s.Footer}
}

// sectionsOf encodes each section of a message by itself.
func sectionsOf(t testing.TB, m *Message) [][]byte {
	t.Helper()
	var all [][]byte
	for _, part := range []*Message{
		{Header: m.Header},
		{DeliveryAnnotations: m.DeliveryAnnotations},
		{Annotations: m.Annotations},
		{Properties: m.Properties},
		{ApplicationProperties: m.ApplicationProperties},
		{Data: m.Data, Sequences: m.Sequences, Value: m.Value},
		{Footer: m.Footer},
	} {
		b, err := part.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// TestSplitMessage splits random messages, whose sections are encoded one by one
// as well.
func TestSplitMessage(t *testing.T) {
	t.Parallel()
	g := generator{rand.New(rand.NewPCG(1, 2))}
	for range 2000 {
		m := g.message()
		want := sectionsOf(t, m)
		got, err := SplitMessage(slices.Concat(want...))
		if err != nil {
			t.Fatalf("%s: %v", dump(m), err)
		}
		for i, part := range got.all() {
			if !bytes.Equal(part, want[i]) {
				t.Fatalf("%s: section %d is % x, want % x", dump(m), i+1, part, want[i])
			}
		}
	}
}

// TestSplitKeepsTheEncoding checks forms that an encoder of this package would
// not choose: they come out as they came in.
func TestSplitKeepsTheEncoding(t *testing.T) {
	t.Parallel()
	wide := "\x00\x80\x00\x00\x00\x00\x00\x00\x00\x75\xb0\x00\x00\x00\x01x"
	named := "\x00\xa3\x10amqp:data:binary\xa0\x01y"
	array := "\x00\x53\x78\xc1\x0a\x02\xa3\x01k\xe0\x04\x02\x53\x01\x02" // a footer
	s, err := SplitMessage([]byte(wide + named + array))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(s.Body); got != wide+named {
		t.Errorf("body % x", got)
	}
	if got := string(s.Footer); got != array {
		t.Errorf("footer % x", got)
	}
}

func TestSplitRefusals(t *testing.T) {
	t.Parallel()
	const data = "\x00\x53\x75\xa0\x01x"
	for _, test := range []struct{ name, in, text string }{
		{"nothing described", "\x40", "where a message section is expected"},
		{"unknown section", "\x00\x53\x79\x45", "unknown descriptor"},
		{"unknown name", "\x00\xa3\x01x\x45", "unknown descriptor"},
		{"descriptor of another type", "\x00\x41\x45", "descriptor"},
		{"no descriptor", "\x00", "bytes wanted"},
		{"no value", "\x00\x53\x75", "bytes wanted"},
		{"value cut", data + "\x00\x53\x75\xa0\x05abc", "at byte 6: malformed AMQP data: 5 bytes wanted, 3 left"},
		{"no format code", "\x00\x53\x75\x3f", "format code 0x3f"},
		{"size above all", "\x00\x53\x75\xb0\xff\xff\xff\xff", "size"},
		{"properties behind the body", data + "\x00\x53\x73\x45", "out of order"},
		{"two footers", "\x00\x53\x78\xc1\x01\x00\x00\x53\x78\xc1\x01\x00", "out of order"},
		{"endless descriptors", strings.Repeat("\x00", 1000), "deep"},
	} {
		if s, err := SplitMessage([]byte(test.in)); err == nil || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v, %v, want an error with %q", test.name, s, err, test.text)
		} else {
			wantMalformed(t, err)
		}
	}
}

// TestSplitCostsNothing checks that hostile input is not looked into.
func TestSplitCostsNothing(t *testing.T) {
	for name, in := range hostile() {
		section := append([]byte("\x00\x53\x77"), in...)
		if n := testing.AllocsPerRun(10, func() { _, _ = SplitMessage(section) }); n > 20 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
