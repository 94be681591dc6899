package console

import (
	"context"
	"io"
)

// Input returns the standard input as a reader that gives up when ctx ends: a
// read from a terminal or a pipe may otherwise never return. What is read after
// that is lost.
func (c *Console) Input(ctx context.Context) io.Reader {
	return &input{ctx: ctx, from: c.In}
}

type input struct {
	ctx  context.Context
	from io.Reader
	rest []byte
	err  error
}

type chunk struct {
	data []byte
	err  error
}

func (i *input) Read(p []byte) (int, error) {
	if len(i.rest) == 0 && i.err == nil {
		if err := i.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, i.rest)
	i.rest = i.rest[n:]
	if n == 0 {
		return 0, i.err
	}
	return n, nil
}

// fill reads into a buffer of its own, in a goroutine that outlives a read that
// was given up.
func (i *input) fill() error {
	const size = 64 << 10
	done := make(chan chunk, 1)
	go func() {
		b := make([]byte, size)
		n, err := i.from.Read(b)
		done <- chunk{b[:n], err}
	}()
	select {
	case c := <-done:
		i.rest, i.err = c.data, c.err
		return nil
	case <-i.ctx.Done():
		return context.Cause(i.ctx)
	}
}
