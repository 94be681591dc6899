package value

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"iothub-c2d/internal/amqpwire"
)

// FuzzText: the text and the type of any value that comes off the wire give the
// value back.
func FuzzText(f *testing.F) {
	for _, tt := range forms {
		encoded, err := amqpwire.Append(nil, tt.v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		v, _, err := amqpwire.Decode(encoded)
		if err != nil {
			return
		}
		got, err := parseAgain(v)
		if err != nil {
			t.Fatalf("%#v: %v", v, err)
		}
		if diff := cmp.Diff(inOrder(v), inOrder(got), cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", Text(v), diff)
		}
	})
}

// FuzzParse: whatever the text and the type, a value comes of it or an error, and
// the value has the same text again.
func FuzzParse(f *testing.F) {
	for _, tt := range forms {
		f.Add(tt.typ, tt.text)
	}
	f.Fuzz(func(t *testing.T, encoded, text string) {
		typ, err := decodeJSON(encoded)
		if err != nil {
			return
		}
		v, err := Parse(typ, text)
		if err != nil {
			return
		}
		again, err := parseAgain(v)
		if err != nil || Text(again) != Text(v) {
			t.Errorf("%s %s: %q became %q, %v", encoded, text, Text(v), Text(again), err)
		}
	})
}
