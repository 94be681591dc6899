package console

import (
	"context"
	"fmt"
	"io"
	"os"
)

// Open opens a file for reading; "-" is the standard input. Opening and reading
// fail when ctx ends, since a pipe or a terminal may block them for ever. What is
// read after that is lost. The file stays open until the process ends.
func (c *Console) Open(ctx context.Context, path string) (io.Reader, error) {
	if path == "-" {
		if isTerminal(c.In) {
			c.Note("Reading the terminal; Ctrl-D at the start of a line ends that.")
		}
		return &input{ctx: ctx, from: c.In}, nil
	}
	type opened struct {
		file *os.File
		err  error
	}
	done := make(chan opened, 1)
	go func() {
		f, err := os.Open(path) //nolint:gosec // the user names it
		done <- opened{f, err}
	}()
	select {
	case o := <-done:
		if o.err != nil {
			return nil, Usage(fmt.Errorf("read %s: %w", path, pathReason(o.err)), "")
		}
		return &input{ctx: ctx, from: o.file}, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// input is a reader whose reads end with ctx.
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

// fill reads in a goroutine, into a buffer of its own: a read that blocks goes on
// after ctx has ended.
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
