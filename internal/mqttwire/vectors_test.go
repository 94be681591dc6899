package mqttwire

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// vector is a packet on the wire: hex, and texts in quotes. It is either want, or
// malformed for the reason err.
type vector struct {
	name string
	wire string
	want Packet
	err  string
}

// bytes returns what the vector is on the wire.
func (v vector) bytes(t testing.TB) (b []byte) {
	t.Helper()
	for rest := strings.TrimSpace(v.wire); rest != ""; rest = strings.TrimSpace(rest) {
		if rest[0] == '"' {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				t.Fatalf("%s: %v in %q", v.name, err, rest)
			}
			text, _ := strconv.Unquote(quoted)
			b, rest = append(b, text...), rest[len(quoted):]
			continue
		}
		word := rest
		if i := strings.IndexAny(rest, " \t\n"); i >= 0 {
			word = rest[:i]
		}
		data, err := hex.DecodeString(word)
		if err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		b, rest = append(b, data...), rest[len(word):]
	}
	return b
}

func vectors() []vector {
	var all []vector
	for _, table := range [][]vector{connectVectors, connAckVectors, publishVectors, subscribeVectors, otherVectors, framingVectors, sdkVectors} {
		all = append(all, table...)
	}
	return all
}

// read reads the one packet that b is, with nothing left.
func read(b []byte) (Packet, error) {
	r := bufio.NewReader(bytes.NewReader(b))
	p, err := Read(r, maxLength)
	if err == nil && r.Buffered() > 0 {
		err = errors.New("bytes are left")
	}
	return p, err
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			wire := v.bytes(t)
			got, err := read(wire)
			if v.err != "" {
				wantRefused(t, got, err, v.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			again, err := Append([]byte("before"), got)
			if want := append([]byte("before"), wire...); err != nil || !bytes.Equal(again, want) {
				t.Errorf("again %x, %v\nwant  %x", again, err, want)
			}
		})
	}
}

func wantRefused(t *testing.T, p Packet, err error, reason string) {
	t.Helper()
	var version VersionError
	switch {
	case p != nil || err == nil:
		t.Fatalf("got %+v, %v, want an error", p, err)
	case !strings.Contains(err.Error(), reason):
		t.Errorf("error %q, want %q in it", err, reason)
	case !errors.Is(err, ErrMalformed) && !errors.As(err, &version):
		t.Errorf("error %q is neither ErrMalformed nor a VersionError", err)
	}
}

// TestNamesDiffer keeps the names apart: they are names of files too.
func TestNamesDiffer(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, v := range vectors() {
		if seen[v.name] || strings.ContainsAny(v.name, " /") {
			t.Errorf("name %q is taken, or no file name", v.name)
		}
		seen[v.name] = true
	}
}
