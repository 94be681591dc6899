package amqpwire

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
)

// Each way to nest values, as the bytes of one more level around inner.
var nestings = map[string]func(inner []byte) []byte{
	"described": func(inner []byte) []byte { return append([]byte{0x00, 0x44}, inner...) },
	"list":      func(inner []byte) []byte { return sized(0xd0, 1, inner) },
	"map key":   func(inner []byte) []byte { return sized(0xd1, 2, append(inner, 0x40)) },
	"map value": func(inner []byte) []byte { return sized(0xd1, 2, append([]byte{0x40}, inner...)) },
	"array": func(inner []byte) []byte {
		if inner[0] != 0xf0 { // the innermost value
			inner = sized(0xf0, 0, []byte{0x40})
		}
		return sized(0xf0, 1, inner)
	},
	"descriptor": func(inner []byte) []byte { return append([]byte{0x00}, inner...) },
}

// sized returns elements as a container with a size and a count of four bytes.
func sized(code byte, count uint64, elements []byte) []byte {
	b := appendUint([]byte{code}, uint64(len(elements)+4), 4)
	return append(appendUint(b, count, 4), elements...)
}

func TestDepth(t *testing.T) {
	t.Parallel()
	for name, wrap := range nestings {
		for _, depth := range []int{maxDepth - 1, maxDepth, maxDepth + 1, maxDepth + 2, 1000} {
			b := []byte{0x40}
			for range depth {
				b = wrap(b)
			}
			_, _, err := Decode(b)
			tooDeep := err != nil && strings.Contains(err.Error(), "nested more than 32 deep")
			levels := depth
			if name == "array" {
				levels++ // the empty array inside
			}
			if tooDeep != (levels > maxDepth) {
				t.Errorf("%s, depth %d: %v", name, depth, err)
			}
		}
	}
}

// A container may be followed by anything; what is in it may not leave it.
func TestDecodeRest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want any
		rest string
	}{
		{"\x40", nil, ""},
		{"\x40\x41", nil, "\x41"},
		{"\xc0\x02\x01\x41\x42", List{true}, "\x42"},
		{"\xa1\x01ab", "a", "b"},
		{"\x00\x53\x01\x40\x40", Described{uint64(1), nil}, "\x40"},
	}
	for _, tt := range tests {
		got, rest, err := Decode([]byte(tt.in))
		if err != nil || string(rest) != tt.rest || dump(got) != dump(tt.want) {
			t.Errorf("%q: got %s, rest %q, %v, want %s, rest %q", tt.in, dump(got), rest, err, dump(tt.want), tt.rest)
		}
	}
}

// A binary aliases the input but cannot grow over the bytes behind it.
func TestBinaryAliases(t *testing.T) {
	t.Parallel()
	in := []byte{0xa0, 2, 'a', 'b', 0x41}
	v, _, err := Decode(in)
	if err != nil {
		t.Fatal(err)
	}
	got := v.([]byte)
	in[2] = 'A'
	if string(got) != "Ab" {
		t.Errorf("got %q, want the input's bytes", got)
	}
	if got = append(got, 'X'); in[4] != 0x41 {
		t.Errorf("appending to %q wrote into the input: % x", got, in)
	}
}

// The bits of a float come back as they were, those of a NaN too.
func TestFloatBits(t *testing.T) {
	t.Parallel()
	for _, bits := range []uint64{0, 1 << 63, 0x7ff0 << 48, 0x7ff8<<48 | 1, 0x7ff0<<48 | 1, math.MaxUint64} {
		in := appendUint([]byte{0x82}, bits, 8)
		v, _, err := Decode(in)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := Append(nil, v); err != nil || !bytes.Equal(out, in) {
			t.Errorf("% x came back as % x, %v", in, out, err)
		}
	}
}

// Every format code, with nothing behind it and with zeros behind it, is
// either decoded or refused as malformed.
func TestAllFormatCodes(t *testing.T) {
	t.Parallel()
	valid := 0
	for code := range 256 {
		for _, zeros := range []int{0, 1, 40} {
			b := append([]byte{byte(code)}, make([]byte, zeros)...)
			_, _, err := Decode(b)
			if err != nil && !errors.Is(err, ErrDecode) {
				t.Errorf("% x: %v", b, err)
			}
			if err == nil && zeros == 40 {
				valid++
			}
		}
	}
	// The 39 codes of the specification, less those of the six containers, for
	// which a size of zero leaves no room for the count.
	if want := 33; valid != want {
		t.Errorf("%d format codes decode zeros, want %d", valid, want)
	}
}
