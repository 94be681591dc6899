package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"

	"iothub-c2d/internal/console"
)

// input is where the bodies of messages come from.
type input struct {
	bodies iter.Seq2[body, error]
	// parse makes a message of a body. It can fail only if the body is a line.
	parse func(out *outgoing, text []byte) error
	// planned is how many bodies there will be, 0 if that is not known before.
	planned int
}

// body is what the user gives for one message.
type body struct {
	line int // its number in the input, if bodies are lines
	text []byte
}

// maxBody bounds a body, in bytes: more than any hub takes, also as base64.
// maxLine bounds a line, which may be a body as JSON with escapes.
const (
	maxBody = 256 << 10
	maxLine = 4 * maxBody
)

// newInput returns the input that the flags describe.
func newInput(ctx context.Context, c *console.Console, f *messageFlags) (input, error) {
	switch {
	case f.tutorial():
		return repeat(nil, f.count, func(out *outgoing, _ []byte) error {
			out.message.Body = tutorialBody()
			return nil
		}), f.checkUnread(c.In)
	case len(f.arguments) > 0:
		text, err := f.decode([]byte(f.arguments[0]))
		return repeat(text, f.count, setBody), err
	}
	name := cmp.Or(f.file, "-")
	file, err := c.Open(ctx, name)
	switch {
	case err != nil:
		return input{}, err
	case f.jsonLines:
		return input{bodies: jsonLines(name, file, c.Say), parse: parseJSONLine}, nil
	case f.lines:
		return input{bodies: lines(name, file), parse: func(out *outgoing, text []byte) (err error) {
			out.message.Body, err = f.decode(text)
			return err
		}}, nil
	}
	text, err := readBody(name, file)
	if err == nil {
		text, err = f.decode(text)
	}
	return repeat(text, f.count, setBody), err
}

// repeat returns an input with the same body for count messages, at least one.
func repeat(text []byte, count int, parse func(*outgoing, []byte) error) input {
	count = max(count, 1)
	return input{planned: count, parse: parse, bodies: func(yield func(body, error) bool) {
		for range count {
			if !yield(body{text: text}, nil) {
				return
			}
		}
	}}
}

func setBody(out *outgoing, text []byte) error {
	out.message.Body = text
	return nil
}

// checkUnread refuses the tutorial's message where something else may have been
// meant: what is piped in. It is not read unasked, since it may be meant for
// somebody else, as in a shell's loop over lines.
func (m *messageFlags) checkUnread(in io.Reader) error {
	f, ok := in.(*os.File)
	if !ok || m.devicesFile == "-" {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&fs.ModeCharDevice != 0 {
		return nil // a terminal, or the null device
	}
	return console.Usage(errors.New("no MESSAGE is given, and standard input is not read unasked"),
		"`send-c2d -` reads it as one message, --lines each line as one; for the tutorial's message add </dev/null")
}

// readBody reads a file that is one body.
func readBody(name string, file io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(file, maxBody+1))
	switch {
	case err != nil:
		return nil, readError(name, err)
	case len(text) > maxBody:
		return nil, tooLong(name, maxBody)
	}
	return text, nil
}

// lines yields the lines of a file without their ends. An empty line is an empty
// message.
func lines(name string, file io.Reader) iter.Seq2[body, error] {
	return func(yield func(body, error) bool) {
		scanner := bufio.NewScanner(file)
		scanner.Buffer(nil, maxLine)
		number := 1
		for ; scanner.Scan(); number++ {
			if !yield(body{number, bytes.Clone(scanner.Bytes())}, nil) {
				return
			}
		}
		switch err := scanner.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			yield(body{}, tooLong(fmt.Sprintf("line %d", number), maxLine))
		case err != nil:
			yield(body{}, readError(name, err))
		}
	}
}

// readError names the input in an error of the system, in place of the path that
// the system has for it. Any other error means that the run has ended.
func readError(name string, err error) error {
	var p *fs.PathError
	if !errors.As(err, &p) {
		return err
	}
	return console.Usage(fmt.Errorf("read %s: %w", name, p.Err), "")
}

// tooLong is the error for something that is longer than any hub takes.
func tooLong(what string, limit int) error {
	return console.Fail(fmt.Errorf("%s has more than %d bytes", what, limit), console.ExitRefused, console.HintTooLarge)
}

// decode undoes --base64.
func (m *messageFlags) decode(text []byte) ([]byte, error) {
	if !m.base64 {
		return text, nil
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, console.Usage(fmt.Errorf("--base64: %w", err), "")
	}
	return decoded, nil
}
