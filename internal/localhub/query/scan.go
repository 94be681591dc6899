package query

import (
	"fmt"
	"strings"
)

// kind is what a token is.
type kind int

const (
	end    kind = iota
	name        // of a field, or a keyword; dots are part of it
	text        // a string, without its quotes
	number      // as it is written
	symbol      // an operator, a bracket, a comma or a star
)

type token struct {
	kind kind
	text string
}

// is reports whether the token is the keyword, in any case, or the symbol.
func (t token) is(what string) bool {
	return t.kind == symbol && t.text == what || t.kind == name && strings.EqualFold(t.text, what)
}

func (t token) String() string {
	if t.kind == end {
		return "the end"
	}
	return fmt.Sprintf("%.40q", t.text)
}

// scan takes a query to pieces.
func scan(s string) (tokens []token, err error) {
	for s = skipSpace(s); s != ""; s = skipSpace(s) {
		t, n, err := next(s)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		s = s[n:]
	}
	return append(tokens, token{kind: end}), nil
}

func skipSpace(s string) string { return strings.TrimLeft(s, " \t\r\n") }

// next returns the first token of a text, and how many bytes it has there.
func next(s string) (t token, n int, err error) {
	switch c := s[0]; {
	case isLetter(c):
		n = length(s, func(c byte) bool { return isLetter(c) || isDigit(c) || c == '.' || c == '-' })
		return token{name, s[:n]}, n, nil
	case isDigit(c), c == '-':
		n = 1 + length(s[1:], func(c byte) bool { return isDigit(c) || c == '.' })
		return token{number, s[:n]}, n, nil
	case c == '\'', c == '"':
		return quoted(s)
	}
	for _, op := range []string{"!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", ",", "*"} {
		if strings.HasPrefix(s, op) {
			return token{symbol, op}, len(op), nil
		}
	}
	return token{}, 0, fmt.Errorf("%.20q is not understood", s)
}

// quoted returns the string at the beginning of a text. A quote in it is doubled,
// or has a backslash in front.
func quoted(s string) (token, int, error) {
	var b strings.Builder
	quote := s[0]
	for i := 1; i < len(s); i++ {
		switch {
		case i+1 < len(s) && (s[i] == '\\' || s[i] == quote) && (s[i+1] == quote || s[i] == '\\' && s[i+1] == '\\'):
			i++
		case s[i] == quote:
			return token{text, b.String()}, i + 1, nil
		}
		b.WriteByte(s[i])
	}
	return token{}, 0, fmt.Errorf("the string %.20s has no end", s)
}

func length(s string, belongs func(byte) bool) (n int) {
	for n < len(s) && belongs(s[n]) {
		n++
	}
	return n
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$'
}
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
