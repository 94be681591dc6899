package cmd_test

import (
	"slices"
	"strings"
	"testing"
)

// screen is as much of a terminal as the programs use (ECMA-48 and DEC's VT100). It
// grows downwards for ever.
type screen struct {
	cols     int
	rows     [][]rune
	row, col int
	cut      bool // what is longer than a row is cut off, and does not wrap
}

// render returns the rows that a terminal shows after text, without the spaces at
// their ends.
func render(text string, cols int) []string {
	s := &screen{cols: cols, rows: [][]rune{nil}}
	for len(text) > 0 {
		text = s.next(text)
	}
	var rows []string
	for _, r := range s.rows {
		rows = append(rows, strings.TrimRight(string(r), " "))
	}
	return rows
}

// next takes one character or control sequence off the text.
func (s *screen) next(text string) string {
	if sequence, ok := strings.CutPrefix(text, "\x1b["); ok {
		end := strings.IndexFunc(sequence, func(r rune) bool { return r >= '@' && r <= '~' })
		if end < 0 {
			return ""
		}
		s.control(sequence[:end+1])
		return sequence[end+1:]
	}
	for _, r := range text {
		s.put(r)
		return text[len(string(r)):]
	}
	return ""
}

func (s *screen) control(sequence string) {
	switch sequence {
	case "K":
		s.rows[s.row] = s.rows[s.row][:min(s.col, len(s.rows[s.row]))]
	case "?7l":
		s.cut = true
	case "?7h":
		s.cut = false
	}
}

func (s *screen) put(r rune) {
	switch {
	case r == '\r':
		s.col = 0
		return
	case r == '\n':
		s.down()
		return
	case s.col == s.cols && s.cut:
		s.col--
	case s.col == s.cols:
		s.col = 0
		s.down()
	}
	row := s.rows[s.row]
	for len(row) <= s.col {
		row = append(row, ' ')
	}
	row[s.col] = r
	s.rows[s.row] = row
	s.col++
}

func (s *screen) down() {
	if s.row++; s.row == len(s.rows) {
		s.rows = append(s.rows, nil)
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want []string
	}{
		{"", []string{""}},
		{"ab\r\ncd", []string{"ab", "cd"}},
		{"abcdef", []string{"abcd", "ef"}},
		{"abcd\r\nef", []string{"abcd", "ef"}},
		{"abcd\rx", []string{"xbcd"}},
		{"abc\r\x1b[Kx", []string{"x"}},
		{"\x1b[?7labcdef\x1b[?7h", []string{"abcf"}},
		{"\x1b[31mred\x1b[0m", []string{"red"}},
		{"ä\x1b[", []string{"ä"}},
	} {
		if got := render(test.text, 4); !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}
