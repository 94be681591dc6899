package console

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// open opens a file that is there, or standard input.
func open(t *testing.T, c *Console, path string) io.Reader {
	t.Helper()
	r, err := c.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOpenReadsAll(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789", 20_000)
	c := &Console{In: iotest.OneByteReader(strings.NewReader(text[:1000]))}
	if err := iotest.TestReader(open(t, c, "-"), []byte(text[:1000])); err != nil {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Console{path: {}, "-": {In: iotest.DataErrReader(strings.NewReader(text))}} {
		got, err := io.ReadAll(open(t, c, name))
		if err != nil || string(got) != text {
			t.Errorf("%s: got %d bytes, %v, want %d", name, len(got), err, len(text))
		}
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "missing")
	_, err := (&Console{}).Open(t.Context(), path)
	if want := "read " + path + ": no such file or directory"; err == nil || err.Error() != want || codeOf(err) != ExitUsage {
		t.Errorf("got %v, want a usage error: %s", err, want)
	}
}

func TestOpenGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe() // nobody ever writes
	defer w.Close()
	reason := errors.New("the reason")
	ctx, cancel := context.WithCancelCause(context.Background())
	in, err := (&Console{In: r}).Open(ctx, "-")
	if err != nil {
		t.Fatal(err)
	}
	cancel(reason)
	n, err := in.Read(make([]byte, 1))
	if n != 0 || !errors.Is(err, reason) {
		t.Errorf("got %d, %v, want %v", n, err, reason)
	}
}
