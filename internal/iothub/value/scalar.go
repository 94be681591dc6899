package value

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// scalars make a value of its text, by the name of its type.
var scalars = map[Name]func(text string) (any, error){
	NameNull:     func(string) (any, error) { return nil, nil },
	NameString:   func(s string) (any, error) { return s, nil },
	NameBinary:   func(s string) (any, error) { return base64.StdEncoding.DecodeString(s) },
	NameUUID:     func(s string) (any, error) { return parseUUID(s) },
	NameUlong:    func(s string) (any, error) { return strconv.ParseUint(s, 10, 64) },
	"boolean":    func(s string) (any, error) { return parseBoolean(s) },
	"ubyte":      func(s string) (any, error) { n, err := strconv.ParseUint(s, 10, 8); return uint8(n), err },
	"ushort":     func(s string) (any, error) { n, err := strconv.ParseUint(s, 10, 16); return uint16(n), err },
	"uint":       func(s string) (any, error) { n, err := strconv.ParseUint(s, 10, 32); return uint32(n), err },
	"byte":       func(s string) (any, error) { n, err := strconv.ParseInt(s, 10, 8); return int8(n), err },
	"short":      func(s string) (any, error) { n, err := strconv.ParseInt(s, 10, 16); return int16(n), err },
	"int":        func(s string) (any, error) { n, err := strconv.ParseInt(s, 10, 32); return int32(n), err },
	"long":       func(s string) (any, error) { return strconv.ParseInt(s, 10, 64) },
	"float":      func(s string) (any, error) { f, err := strconv.ParseFloat(s, 32); return float32(f), err },
	"double":     func(s string) (any, error) { return strconv.ParseFloat(s, 64) },
	"decimal32":  func(s string) (any, error) { b, err := parseHex(s, 4); return Decimal32(b), err },
	"decimal64":  func(s string) (any, error) { b, err := parseHex(s, 8); return Decimal64(b), err },
	"decimal128": func(s string) (any, error) { b, err := parseHex(s, 16); return Decimal128(b), err },
	"char":       func(s string) (any, error) { return parseChar(s) },
	"timestamp":  func(s string) (any, error) { return parseTime(s) },
	"symbol":     func(s string) (any, error) { return parseSymbol(s) },
}

// parseScalar returns the value of a type that a text stands for.
func parseScalar(name Name, text string) (any, error) {
	parse, ok := scalars[name]
	if !ok {
		return nil, fmt.Errorf("%q is no type of AMQP", string(name))
	}
	v, err := parse(text)
	if err != nil {
		var number *strconv.NumError
		if errors.As(err, &number) {
			err = number.Err // without the name of a Go function
		}
		return nil, fmt.Errorf("%q as %s: %w", text, name, err)
	}
	return v, nil
}

var errForm = errors.New("not in the form of this type")

func parseBoolean(text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errForm
}

func parseUUID(text string) (UUID, error) {
	b, err := parseHex("0x"+strings.ReplaceAll(text, "-", ""), 16)
	if err != nil || UUID(b).String() != strings.ToLower(text) {
		return UUID{}, errForm
	}
	return UUID(b), nil
}

// parseHex returns the size bytes that hexText made text of. They are there even
// if it did not.
func parseHex(text string, size int) ([]byte, error) {
	digits, ok := strings.CutPrefix(text, "0x")
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != size {
		return make([]byte, size), errForm
	}
	return b, nil
}

func parseChar(text string) (Char, error) {
	if r, size := utf8.DecodeRuneInString(text); size == len(text) && size > 0 && utf8.ValidString(text) {
		return Char(r), nil
	}
	digits, ok := strings.CutPrefix(text, "U+")
	n, err := strconv.ParseUint(digits, 16, 32)
	if !ok || err != nil {
		return 0, errForm
	}
	return Char(uint32(n)), nil
}

func parseTime(text string) (Timestamp, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Timestamp(ms), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, errForm
	}
	return Timestamp(t.UnixMilli()), nil
}

// parseSymbol takes what AMQP takes for a symbol: ASCII (part 1 §1.6.21).
func parseSymbol(text string) (Symbol, error) {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return "", errForm
		}
	}
	return Symbol(text), nil
}
