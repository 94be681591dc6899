package amqpwire

import (
	"bytes"
	"errors"
	"testing"
)

// The targets take any bytes. What is accepted must survive a round trip: its
// encoding is accepted too and means the same, and from then on the bytes stay
// as they are. The texts that dump makes are compared, for they hold a NaN
// equal to itself.
//
// The corpora under testdata/fuzz are the vectors, and what the fuzzer found;
// TestFuzzCorpora keeps them in step.

func FuzzValue(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		v, rest, err := Decode(b)
		if err != nil {
			wantMalformed(t, err)
			return
		}
		if !bytes.HasSuffix(b, rest) || len(rest) == len(b) {
			t.Fatalf("% x left of % x", rest, b)
		}
		encode := func(v any) ([]byte, error) { return Append(nil, v) }
		decode := func(b []byte) (any, error) { return vector{"kind": "value"}.decode(b) }
		wantStable(t, v, encode, decode)
	})
}

func FuzzFrame(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := DecodeFrame(b)
		if read, readErr := ReadFrame(bytes.NewReader(b), uint32(len(b))); err == nil {
			if readErr != nil || dump(read) != dump(frame) {
				t.Fatalf("ReadFrame: %s, %v, DecodeFrame: %s", dump(read), readErr, dump(frame))
			}
		}
		if err != nil {
			wantMalformed(t, err)
			return
		}
		encode := func(f Frame) ([]byte, error) { return AppendFrame(nil, f) }
		wantStable(t, frame, encode, DecodeFrame)
	})
}

func FuzzMessage(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeMessage(b)
		sections, splitErr := SplitMessage(b)
		if splitErr == nil && !bytes.Equal(bytes.Join(sections.all(), nil), b) {
			t.Fatalf("% x is split to %+v", b, sections)
		}
		if err != nil {
			wantMalformed(t, err)
			return
		}
		if splitErr != nil {
			t.Fatalf("% x is decoded, and not split: %v", b, splitErr)
		}
		encode := func(m *Message) ([]byte, error) { return m.Append(nil) }
		wantStable(t, m, encode, DecodeMessage)
	})
}

func wantMalformed(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrDecode) && !errors.Is(err, ErrFraming) {
		t.Fatalf("error %q wraps neither ErrDecode nor ErrFraming", err)
	}
}

func wantStable[T any](t *testing.T, v T, encode func(T) ([]byte, error), decode func([]byte) (T, error)) {
	t.Helper()
	first, err := encode(v)
	if err != nil {
		t.Fatalf("%s is not encoded: %v", dump(v), err)
	}
	again, err := decode(first)
	if err != nil {
		t.Fatalf("% x, from %s, is not decoded: %v", first, dump(v), err)
	}
	if got, want := dump(again), dump(v); got != want {
		t.Fatalf("% x\ngot  %s\nfrom %s", first, got, want)
	}
	if second, err := encode(again); err != nil || !bytes.Equal(second, first) {
		t.Fatalf("got % x, %v\nfrom % x", second, err, first)
	}
}
