package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"

	"iothub-c2d/internal/console"
)

// line is the raw form of a message: a line of the input, or number 0.
type line struct {
	number int
	text   []byte
}

// longestLine bounds a line, in bytes: a body as JSON may be escaped.
const longestLine = 4 * maxInput

// eachLine yields the lines of the input without their ends. An empty line is
// an empty message; with --jsonl it is passed over, as are the lines of
// --output json that are no messages.
func (s *source) eachLine(yield func(line, error) bool) {
	scanner := bufio.NewScanner(s.input)
	scanner.Buffer(nil, longestLine)
	number := 1
	for ; scanner.Scan(); number++ {
		text := scanner.Bytes()
		if s.jsonLines && number == 1 {
			text = bytes.TrimPrefix(text, []byte("\uFEFF")) // a byte order mark, which Windows likes
		}
		if s.jsonLines && isNoMessage(text) {
			continue
		}
		if !yield(line{number, bytes.Clone(text)}, nil) {
			return
		}
	}
	switch err := scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		yield(line{}, tooLong(fmt.Sprintf("line %d", number), longestLine))
	case err != nil:
		yield(line{}, s.inputError(err))
	}
}

// tooLong says that something is longer than any hub takes.
func tooLong(what string, limit int) error {
	return console.Fail(fmt.Errorf("%s has more than %d bytes", what, limit), console.ExitRefused, "a message holds 64 KB at most, properties included")
}
