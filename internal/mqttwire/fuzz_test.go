package mqttwire

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// FuzzRead reads any bytes. A packet that is read must be written as it came.
//
// The corpus under testdata/fuzz is the vectors, and what the fuzzer found;
// TestFuzzCorpus keeps it in step.
func FuzzRead(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		source := bytes.NewReader(b)
		r := bufio.NewReader(source)
		p, err := Read(r, 1<<18)
		if err != nil {
			wantKnown(t, err)
			return
		}
		read := b[:len(b)-source.Len()-r.Buffered()]
		if again, err := Append(nil, p); err != nil || !bytes.Equal(again, read) {
			t.Fatalf("%+v\nread    %x\nwritten %x, %v", p, read, again, err)
		}
	})
}

func wantKnown(t *testing.T, err error) {
	t.Helper()
	var version VersionError
	for _, known := range []error{ErrMalformed, ErrTooLong, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, known) {
			return
		}
	}
	if !errors.As(err, &version) {
		t.Fatalf("error %q is of no kind", err)
	}
}

var writeCorpus = flag.Bool("write-corpus", false, "write the vectors to testdata/fuzz")

// TestFuzzCorpus checks that every vector is in the corpus, under its name. Other
// files there are what the fuzzer found.
func TestFuzzCorpus(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("testdata", "fuzz", "FuzzRead")
	for _, v := range vectors() {
		file, want := filepath.Join(dir, v.name), fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n", v.bytes(t))
		if *writeCorpus {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s is not the vector (%v): go test -run TestFuzzCorpus -write-corpus", file, err)
		}
	}
}
