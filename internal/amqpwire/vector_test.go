package amqpwire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A vector is a file of testdata/vectors: bytes, and either what they mean or
// why they are refused. It has lines "key: text", where the text may also
// follow on indented lines:
//
//	about:  what it is
//	from:   whose bytes or field values they are, if they were seen on a wire
//	spec:   the place in the specification
//	kind:   value, frame or message
//	again:  "differs" and why, if encoding what was decoded gives other bytes
//	bytes:  pairs of hex digits and "quoted" ASCII; a semicolon begins a comment
//	want:   the decoded value as dump writes it
//	error:  the error's text, instead of want
type vector map[string]string

func (v vector) decode(b []byte) (any, error) {
	switch v["kind"] {
	case "frame":
		return DecodeFrame(b)
	case "message":
		return DecodeMessage(b)
	}
	value, rest, err := Decode(b)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes left", len(rest))
	}
	return value, err
}

func (v vector) encode(value any) ([]byte, error) {
	switch v["kind"] {
	case "frame":
		return AppendFrame(nil, value.(Frame))
	case "message":
		return value.(*Message).Append(nil)
	}
	return Append(nil, value)
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for name, v := range readVectors(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if v["about"] == "" || v["spec"] == "" || !strings.HasPrefix(name, v["kind"]+"-") {
				t.Fatalf("incomplete vector: %q", v)
			}
			checkVector(t, v)
		})
	}
}

func checkVector(t *testing.T, v vector) {
	b := v.bytes(t)
	got, err := v.decode(b)
	if err != nil {
		if err.Error() != v["error"] {
			t.Fatalf("got error  %q\nwant error %q", err, v["error"])
		}
		if !errors.Is(err, ErrDecode) && !errors.Is(err, ErrFraming) {
			t.Errorf("error %q wraps neither ErrDecode nor ErrFraming", err)
		}
		return
	}
	if dump(got) != v["want"] {
		t.Fatalf("got  %s\nwant %s", dump(got), v["want"])
	}
	again, err := v.encode(got)
	if err != nil {
		t.Fatal(err)
	}
	if _, differs := v["again"]; bytes.Equal(again, b) == differs {
		t.Errorf("encoded again:\ngot  %x\nfrom %x\nexpected to differ: %t", again, b, differs)
	}
	second, err := v.decode(again)
	if err != nil {
		t.Fatal(err)
	}
	if dump(second) != v["want"] {
		t.Errorf("decoded again:\ngot  %s\nwant %s", dump(second), v["want"])
	}
}

// Every proper prefix of a valid value or frame is refused: nothing is read
// past the end, and nothing is made up.
func TestVectorsTruncated(t *testing.T) {
	t.Parallel()
	for name, v := range readVectors(t) {
		if v["error"] != "" || v["kind"] == "message" {
			continue
		}
		b := v.bytes(t)
		for n := range b {
			if got, err := v.decode(b[:n:n]); err == nil {
				t.Errorf("%s: %d of %d bytes gave %s", name, n, len(b), dump(got))
			}
		}
	}
}

func readVectors(t testing.TB) map[string]vector {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	vectors := make(map[string]vector)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		vectors[strings.TrimSuffix(filepath.Base(file), ".txt")] = parseVector(string(text))
	}
	return vectors
}

func parseVector(text string) vector {
	v := make(vector)
	var key string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "\t") {
			key, line, _ = strings.Cut(line, ":")
		}
		if key == "bytes" {
			v[key] += line // comments end with their line
			continue
		}
		v[key] = joinLines(v[key], strings.TrimSpace(line))
	}
	return v
}

// joinLines undoes the folding of a long dump: a space, or nothing beside a
// bracket.
func joinLines(a, b string) string {
	if a == "" || b == "" || strings.HasSuffix(a, "{") || strings.HasSuffix(a, "(") || strings.HasPrefix(b, ")") {
		return a + b
	}
	return a + " " + b
}

func (v vector) bytes(t testing.TB) []byte {
	t.Helper()
	var b []byte
	for line := range strings.Lines(v["bytes"]) {
		for i, part := range strings.Split(line, `"`) {
			if i%2 == 1 {
				b = append(b, part...)
				continue
			}
			digits, _, comment := strings.Cut(part, ";")
			octets, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
			if err != nil {
				t.Fatalf("bytes %q: %v", line, err)
			}
			b = append(b, octets...)
			if comment {
				break
			}
		}
	}
	return b
}
