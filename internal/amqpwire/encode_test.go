package amqpwire

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"testing"
)

// Numbers on both sides of every change of form. The vectors have one of each
// form; here are the edges.
func TestNumberEdges(t *testing.T) {
	t.Parallel()
	tests := []struct {
		v    any
		want string
	}{
		{uint8(0), "5000"},
		{uint8(127), "507f"},
		{uint8(128), "5080"},
		{uint8(255), "50ff"},
		{uint16(0), "600000"},
		{uint16(255), "6000ff"},
		{uint16(256), "600100"},
		{uint16(65535), "60ffff"},
		{uint32(0), "43"},
		{uint32(1), "5201"},
		{uint32(127), "527f"},
		{uint32(128), "5280"},
		{uint32(255), "52ff"},
		{uint32(256), "7000000100"},
		{uint32(math.MaxUint32), "70ffffffff"},
		{uint64(0), "44"},
		{uint64(1), "5301"},
		{uint64(127), "537f"},
		{uint64(128), "5380"},
		{uint64(255), "53ff"},
		{uint64(256), "800000000000000100"},
		{uint64(math.MaxUint64), "80ffffffffffffffff"},
		{int8(0), "5100"},
		{int8(127), "517f"},
		{int8(-1), "51ff"},
		{int8(-128), "5180"},
		{int16(0), "610000"},
		{int16(-1), "61ffff"},
		{int16(math.MaxInt16), "617fff"},
		{int32(0), "5400"},
		{int32(127), "547f"},
		{int32(128), "7100000080"},
		{int32(255), "71000000ff"},
		{int32(-1), "54ff"},
		{int32(-128), "5480"},
		{int32(-129), "71ffffff7f"},
		{int32(math.MaxInt32), "717fffffff"},
		{int32(math.MinInt32), "7180000000"},
		{int64(0), "5500"},
		{int64(127), "557f"},
		{int64(128), "810000000000000080"},
		{int64(-1), "55ff"},
		{int64(-128), "5580"},
		{int64(-129), "81ffffffffffffff7f"},
		{int64(math.MaxInt64), "817fffffffffffffff"},
		{int64(math.MinInt64), "818000000000000000"},
		{float32(0), "7200000000"},
		{float32(math.Inf(-1)), "72ff800000"},
		{float64(0), "820000000000000000"},
		{math.Copysign(0, -1), "828000000000000000"},
		{Char(0), "7300000000"},
		{Char('é'), "73000000e9"},
		{Char(0x10ffff), "730010ffff"},
		{Timestamp(0), "830000000000000000"},
		{Timestamp(math.MinInt64), "838000000000000000"},
	}
	for _, tt := range tests {
		checkBytes(t, tt.v, tt.want)
	}
}

// The header of everything with a size, on both sides of 255.
func TestSizeEdges(t *testing.T) {
	t.Parallel()
	text := func(n int) string { return strings.Repeat("x", n) }
	nulls := func(n int) List { return make(List, n) }
	pairs := func(n int) Map { return make(Map, n) }
	ubytes := func(n int) Array { return slices.Repeat(Array{uint8(1)}, n) }
	tests := []struct {
		v    any
		want string // the bytes in front of the elements
	}{
		{"", "a100"},
		{text(255), "a1ff"},
		{text(256), "b100000100"},
		{Symbol(""), "a300"},
		{Symbol(text(255)), "a3ff"},
		{Symbol(text(256)), "b300000100"},
		{[]byte{}, "a000"},
		{[]byte(text(255)), "a0ff"},
		{[]byte(text(256)), "b000000100"},
		{[]byte(nil), "a000"},
		{List(nil), "45"},
		{nulls(1), "c00201"},
		{nulls(254), "c0fffe"},
		{nulls(255), "d000000103000000ff"},
		{nulls(256), "d00000010400000100"},
		{List{text(252)}, "c0ff01a1fc"},
		{List{text(253)}, "d00000010300000001a1fd"},
		{Map(nil), "c10100"},
		{pairs(127), "c1fffe"},
		{pairs(128), "d10000010400000100"},
		{Array(nil), "e00200b3"},
		{ubytes(253), "e0fffd50"},
		{ubytes(254), "f000000103000000fe50"},
		{ubytes(256), "f0000001050000010050"},
	}
	for _, tt := range tests {
		got, err := Append(nil, tt.v)
		if err != nil {
			t.Fatal(err)
		}
		if head := hex.EncodeToString(got); !strings.HasPrefix(head, tt.want) {
			t.Errorf("%.40s begins with %.20s, want %s", dump(tt.v), head, tt.want)
		}
		checkDecodesTo(t, got, tt.v)
	}
}

// Elements of an array share one constructor, so every one has the widest form.
func TestArrayElements(t *testing.T) {
	t.Parallel()
	tests := []struct {
		v    Array
		want string
	}{
		{Array{true, false}, "e0040256 01 00"},
		{Array{uint8(1)}, "e0030150 01"},
		{Array{uint16(1)}, "e0040160 0001"},
		{Array{uint32(0)}, "e0060170 00000000"},
		{Array{uint64(0)}, "e00a0180 0000000000000000"},
		{Array{int8(-1)}, "e0030151 ff"},
		{Array{int16(-1)}, "e0040161 ffff"},
		{Array{int32(-1)}, "e0060171 ffffffff"},
		{Array{int64(-1)}, "e00a0181 ffffffffffffffff"},
		{Array{float32(1.5)}, "e0060172 3fc00000"},
		{Array{-1.5}, "e00a0182 bff8000000000000"},
		{Array{Char('a')}, "e0060173 00000061"},
		{Array{Timestamp(1)}, "e00a0183 0000000000000001"},
		{Array{UUID{15: 1}}, "e0120198 00000000000000000000000000000001"},
		{Array{Decimal32{3: 1}}, "e0060174 00000001"},
		{Array{Decimal64{7: 1}}, "e00a0184 0000000000000001"},
		{Array{Decimal128{15: 1}}, "e0120194 00000000000000000000000000000001"},
		{Array{[]byte{7}, []byte{}}, "e00b02b0 0000000107 00000000"},
		{Array{"a", ""}, "e00b02b1 0000000161 00000000"},
		{Array{Symbol("a")}, "e00701b3 0000000161"},
		{Array{List{}, List{nil}}, "e01302d0 0000000400000000 000000050000000140"},
		{Array{Map{}, Map{{true, nil}}}, "e01402d1 0000000400000000 00000006000000024140"},
		{Array{Array{}, Array{uint8(1)}}, "e01502f0 0000000500000000b3 00000006000000015001"},
		{Array{Described{uint64(1), "a"}}, "e00a01005301b1 0000000161"},
		{Array{Described{Symbol("d"), List{}}}, "e00e0100a30164d0 0000000400000000"},
	}
	for _, tt := range tests {
		checkBytes(t, tt.v, strings.ReplaceAll(tt.want, " ", ""))
	}
	long := Array{List{strings.Repeat("x", 300)}, Map{}}
	if _, err := Append(nil, long[:1]); err != nil {
		t.Errorf("an array of a list that is long already: %v", err)
	}
}

func TestEncodeErrors(t *testing.T) {
	t.Parallel()
	type unknown struct{}
	tests := []struct {
		v    any
		want string
	}{
		{1, "encode: no AMQP type for Go type int"},
		{unknown{}, "encode: no AMQP type for Go type amqpwire.unknown"},
		{Null{}, "encode: no AMQP type for Go type amqpwire.Null"},
		{List{nil, 1}, "encode: no AMQP type for Go type int"},
		{Map{{1, nil}}, "encode: no AMQP type for Go type int"},
		{Map{{nil, 1}}, "encode: no AMQP type for Go type int"},
		{Described{uint64(1), 1}, "encode: no AMQP type for Go type int"},
		{Described{"d", nil}, "encode: descriptor of Go type string"},
		{Described{nil, nil}, "encode: descriptor of Go type <nil>"},
		{Described{[]byte{1}, nil}, "encode: descriptor of Go type []uint8"},
		{Array{1}, "encode: no AMQP array of Go type int"},
		{Array{nil}, "encode: no AMQP array of Go type <nil>"},
		{Array{"a", Symbol("b")}, "encode: array of string holds a amqpwire.Symbol"},
		{Array{"a", nil}, "encode: array of string holds a <nil>"},
		{Array{List{1}}, "encode: no AMQP type for Go type int"},
		{Array{Described{uint64(1), nil}}, "encode: no AMQP array of Go type <nil>"},
		{Array{Described{List{}, true}, Described{List{}, true}}, "encode: descriptor of Go type amqpwire.List"},
		{
			Array{Described{uint64(1), true}, Described{List{}, true}},
			"encode: array of amqpwire.Described holds a amqpwire.Described",
		},
		{
			Array{Described{uint64(1), true}, Described{uint64(1), "b"}},
			"encode: array of amqpwire.Described holds a amqpwire.Described",
		},
		{Array{Described{uint64(1), true}, true}, "encode: array of amqpwire.Described holds a bool"},
		{
			Array{Described{uint64(1), Described{uint64(2), true}}},
			"encode: no AMQP array of Go type amqpwire.Described",
		},
	}
	for _, tt := range tests {
		got, err := Append([]byte("kept"), tt.v)
		if err == nil || err.Error() != tt.want || got != nil {
			t.Errorf("%s: got %x and error %v, want %q", dump(tt.v), got, err, tt.want)
		}
	}
}

func TestAppendKeepsPrefix(t *testing.T) {
	t.Parallel()
	for _, v := range []any{nil, "text", List{"a", make(List, 300)}, Map{{"k", "v"}}, Array{"a"}} {
		alone, err := Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Append([]byte("prefix"), v)
		if want := append([]byte("prefix"), alone...); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%.40s: got %x, %v, want %x", dump(v), got, err, want)
		}
	}
}

// checkBytes encodes v, compares the bytes, and decodes them again.
func checkBytes(t *testing.T, v any, want string) {
	t.Helper()
	got, err := Append(nil, v)
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("%s is %x, %v, want %s", dump(v), got, err, want)
	}
	checkDecodesTo(t, got, v)
}

func checkDecodesTo(t *testing.T, b []byte, want any) {
	t.Helper()
	got, rest, err := Decode(append(b, "rest"...))
	if err != nil || string(rest) != "rest" || dump(got) != dump(want) {
		t.Errorf("decoded %.80s, rest %q, %v, want %.80s", dump(got), rest, err, dump(want))
	}
}
