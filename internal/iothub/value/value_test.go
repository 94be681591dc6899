package value

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var at = Timestamp(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC).UnixMilli())

// pairs returns a map with these keys and values in turns.
func pairs(of ...any) Map {
	m := make(Map, 0, len(of)/2)
	for p := range slices.Chunk(of, 2) {
		m = append(m, Pair{Key: p[0], Value: p[1]})
	}
	return m
}

// forms are the documented forms.
var forms = []struct {
	name string
	v    any
	text string
	typ  string // as JSON
}{
	{"null", nil, "", `"null"`},
	{"booleans", true, "true", `"boolean"`},
	{"false", false, "false", `"boolean"`},
	{"ubyte", uint8(255), "255", `"ubyte"`},
	{"ushort", uint16(65535), "65535", `"ushort"`},
	{"uint", uint32(math.MaxUint32), "4294967295", `"uint"`},
	{"ulong", uint64(math.MaxUint64), "18446744073709551615", `"ulong"`},
	{"byte", int8(-128), "-128", `"byte"`},
	{"short", int16(-32768), "-32768", `"short"`},
	{"int", int32(math.MinInt32), "-2147483648", `"int"`},
	{"long", int64(math.MinInt64), "-9223372036854775808", `"long"`},
	{"float", float32(0.1), "0.1", `"float"`},
	{"double", 2.5, "2.5", `"double"`},
	{"a whole double", 2.0, "2", `"double"`},
	{"a large double", 1e21, "1e+21", `"double"`},
	{"minus zero", math.Copysign(0, -1), "-0", `"double"`},
	{"infinity", math.Inf(1), "Infinity", `"double"`},
	{"minus infinity", float32(math.Inf(-1)), "-Infinity", `"float"`},
	{"char", Char('ö'), "ö", `"char"`},
	{"a char that is none", Char(0xd800), "U+0000D800", `"char"`},
	{"decimal32", Decimal32{0x22, 0x50, 0, 1}, "0x22500001", `"decimal32"`},
	{"decimal64", Decimal64{7: 1}, "0x0000000000000001", `"decimal64"`},
	{"decimal128", Decimal128{0: 0xff}, "0xff000000000000000000000000000000", `"decimal128"`},
	{"timestamp", at, "2026-01-02T03:04:05.678Z", `"timestamp"`},
	{"a time before 1970", Timestamp(-1), "1969-12-31T23:59:59.999Z", `"timestamp"`},
	{"a time that has no text", Timestamp(math.MaxInt64), "9223372036854775807", `"timestamp"`},
	{"uuid", UUID{0: 1, 15: 0xff}, "01000000-0000-0000-0000-0000000000ff", `"uuid"`},
	{"binary", []byte{0, 0xff}, "AP8=", `"binary"`},
	{"string", "null", "null", `"string"`},
	{"symbol", Symbol("a:b"), "a:b", `"symbol"`},
	{"an empty list", List{}, "[]", `"list"`},
	{"a list that JSON tells", List{nil, true, "x", int32(1), int64(1 << 40), 2.0, List{"y"}, pairs("k", int32(2))}, `[null,true,"x",1,1099511627776,2.0,["y"],{"k":2}]`, `"list"`},
	{"a list with what HTML escapes", List{"<&>"}, `["<&>"]`, `"list"`},
	{"a list of longs", List{int64(1), int64(2)}, `[1,2]`, `{"list":"long"}`},
	{"a list of many types", List{int32(1), []byte{1}, List{uint8(1)}, at}, `[1,"AQ==",[1],"2026-01-02T03:04:05.678Z"]`, `{"list":[null,"binary",{"list":"ubyte"},"timestamp"]}`},
	{"a list of what JSON has no number for", List{math.Inf(1), float32(1)}, `["Infinity",1.0]`, `{"list":["double","float"]}`},
	{"an empty array", Array{}, "[]", `"array"`},
	{"an array", Array{int32(1), int32(2)}, `[1,2]`, `{"array":"int"}`},
	{"an array of lists", Array{List{"a"}, List{uint8(2)}}, `[["a"],[2]]`, `{"array":[null,{"list":"ubyte"}]}`},
	{"an empty map", Map{}, "{}", `"map"`},
	{"a map that JSON tells", pairs("a", int32(1), "b", List{}), `{"a":1,"b":[]}`, `"map"`},
	{"a map of other values", pairs("a", int64(1), "b", "x"), `{"a":1,"b":"x"}`, `{"map":{"a":"long"}}`},
	{"a map with symbols as keys", pairs(Symbol("a"), "x"), `{"a":"x"}`, `{"keys":"symbol","map":{}}`},
	{"a map with numbers as keys", pairs(uint8(1), "x", uint8(2), uint8(1)), `{"1":"x","2":1}`, `{"keys":"ubyte","map":{"2":"ubyte"}}`},
	{"a map with keys of two types", pairs("1", "x", int32(1), "y"), `[["1","x"],[1,"y"]]`, `{"map":[[null,null],[null,null]]}`},
	{"a map with the same key twice", pairs("a", "x", "a", int64(1)), `[["a","x"],["a",1]]`, `{"map":[[null,null],[null,"long"]]}`},
	{"a map with a list as key", pairs(List{}, "x"), `[[[],"x"]]`, `{"map":[[null,null]]}`},
	{"a map with null as key", pairs(nil, "x"), `[[null,"x"]]`, `{"map":[[null,null]]}`},
	{"described", Described{Descriptor: Symbol("a:b"), Value: List{uint8(1)}}, `["a:b",[1]]`, `{"described":["symbol",{"list":"ubyte"}]}`},
}

func TestEveryTypeHasOneText(t *testing.T) {
	t.Parallel()
	for _, tt := range forms {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Text(tt.v); got != tt.text {
				t.Errorf("text %s, want %s", got, tt.text)
			}
			typ, err := json.Marshal(Type(tt.v))
			if err != nil || string(typ) != tt.typ {
				t.Errorf("type %s, %v, want %s", typ, err, tt.typ)
			}
			got, err := parseAgain(tt.v)
			if diff := cmp.Diff(tt.v, got); diff != "" || err != nil {
				t.Errorf("%v, (-want +got):\n%s", err, diff)
			}
		})
	}
}

// parseAgain makes a value of its text and its type, which went through JSON.
func parseAgain(v any) (any, error) {
	encoded, err := json.Marshal(Type(v))
	if err != nil {
		return nil, err
	}
	var typ any
	if err := json.Unmarshal(encoded, &typ); err != nil {
		return nil, err
	}
	return Parse(typ, Text(v))
}

func TestParseTakesOtherForms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name Name
		text string
		want any
	}{
		{"timestamp", "2026-01-02T04:04:05.678+01:00", at},
		{"timestamp", "1767323045678", at},
		{"uuid", "01000000-0000-0000-0000-0000000000FF", UUID{0: 1, 15: 0xff}},
		{"double", "NaN", math.NaN()},
		{"list", " [1, 2.5e0] ", List{int32(1), 2.5}},
		{"map", `{"b":1,"a":{}}`, pairs("a", Map{}, "b", int32(1))},
		{"map", `[["a",1]]`, pairs("a", int32(1))},
	} {
		got, err := Parse(string(tt.name), tt.text)
		if diff := cmp.Diff(tt.want, got, cmpopts.EquateNaNs()); diff != "" || err != nil {
			t.Errorf("%s %s: %v, (-want +got):\n%s", tt.name, tt.text, err, diff)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ typ, text, want string }{
		{`"int"`, "2147483648", `"2147483648" as int: value out of range`},
		{`"int"`, "x", `"x" as int: invalid syntax`},
		{`"ubyte"`, "-1", "invalid syntax"},
		{`"boolean"`, "1", "not in the form"},
		{`"binary"`, "!", "illegal base64"},
		{`"uuid"`, "0100000000000000000000000000000ff", "not in the form"},
		{`"uuid"`, "", "not in the form"},
		{`"decimal32"`, "1.5", "not in the form"},
		{`"decimal32"`, "0x11", "not in the form"},
		{`"char"`, "ab", "not in the form"},
		{`"char"`, "", "not in the form"},
		{`"timestamp"`, "soon", "not in the form"},
		{`"symbol"`, "ö", "not in the form"},
		{`"number"`, "1", `"number" is no type of AMQP`},
		{`null`, "1", `is no type of AMQP`},
		{`["int"]`, "1", `is no type of AMQP`},
		{`"list"`, "[", "list\": not JSON"},
		{`"list"`, "[] []", "more than one value"},
		{`"list"`, "{}", "{} is not the JSON of type list"},
		{`"list"`, strings.Repeat("[", 101) + strings.Repeat("]", 101), "more than 100 deep"},
		{`"map"`, `"x"`, `"x" is not the JSON of type map`},
		{`"map"`, `[1]`, "a pair is [key, value], not 1"},
		{`"described"`, `[1]`, "a described value is [descriptor, value]"},
		{`"list"`, `[9223372036854775808]`, "value out of range"},
		{`{"list":["ubyte"]}`, `[256]`, "value out of range"},
		{`{"list":[{"what":1}]}`, `[256]`, `{"what":1} is no type`},
		{`{"list":[1]}`, `[256]`, `1 is no type`},
		{`{"map":{"a":"int"}}`, `{"a":"x"}`, `"a": "x" as int`},
		{`{"map":{},"keys":"int"}`, `{"a":"x"}`, `"a" as int`},
		{`{"map":[["int"]]}`, `[["a","b"]]`, `"a" as int`},
		{`{"map":[[null,"int"]]}`, `[["a","b"]]`, `"b" as int`},
	} {
		var typ any
		if err := json.Unmarshal([]byte(tt.typ), &typ); err != nil {
			t.Fatal(err)
		}
		if got, err := Parse(typ, tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: got %v, %v, want %q", tt.typ, tt.text, got, err, tt.want)
		}
	}
}

// TestEveryNameIsKnown: what has a name can be read.
func TestEveryNameIsKnown(t *testing.T) {
	t.Parallel()
	for _, tt := range forms {
		name := NameOf(tt.v)
		if _, ok := scalars[name]; !ok && !isCompound(name) {
			t.Errorf("%T: %q is not known", tt.v, name)
		}
	}
	if got := NameOf(struct{}{}); got != "" {
		t.Errorf("a type that AMQP does not have is called %q", got)
	}
	if NameOf(Null{}) != NameNull || Text(Null{}) != "" {
		t.Error("Null is not null")
	}
}

// inOrder sorts the pairs of all maps by their text: an object has no order.
func inOrder(v any) any {
	switch v := v.(type) {
	case List:
		return List(allInOrder(v))
	case Array:
		return Array(allInOrder(v))
	case Described:
		return Described{Descriptor: v.Descriptor, Value: inOrder(v.Value)}
	case Map:
		m := make(Map, len(v))
		for i, p := range v {
			m[i] = Pair{Key: inOrder(p.Key), Value: inOrder(p.Value)}
		}
		slices.SortStableFunc(m, func(a, b Pair) int { return strings.Compare(Text(a.Key), Text(b.Key)) })
		return m
	}
	return v
}

func allInOrder(list []any) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = inOrder(v)
	}
	return out
}
