package console

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestInputReadsAll(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789", 20_000)
	c := &Console{In: iotest.OneByteReader(strings.NewReader(text[:1000]))}
	if err := iotest.TestReader(c.Input(context.Background()), []byte(text[:1000])); err != nil {
		t.Error(err)
	}
	c = &Console{In: iotest.DataErrReader(strings.NewReader(text))}
	got, err := io.ReadAll(c.Input(context.Background()))
	if err != nil || string(got) != text {
		t.Errorf("got %d bytes, %v, want %d", len(got), err, len(text))
	}
}

func TestInputGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe() // nobody ever writes
	defer w.Close()
	reason := errors.New("the reason")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(reason)
	n, err := (&Console{In: r}).Input(ctx).Read(make([]byte, 1))
	if n != 0 || !errors.Is(err, reason) {
		t.Errorf("got %d, %v, want %v", n, err, reason)
	}
}
