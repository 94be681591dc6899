package value

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// Text returns the text of a value: see the package for its forms.
func Text(v any) string {
	switch v := v.(type) {
	case nil, Null:
		return ""
	case string:
		return v
	case Symbol:
		return string(v)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case Timestamp:
		return timeText(v)
	case Char:
		return charText(v)
	case float32:
		return floatText(float64(v), 32)
	case float64:
		return floatText(v, 64)
	case Decimal32:
		return hexText(v[:])
	case Decimal64:
		return hexText(v[:])
	case Decimal128:
		return hexText(v[:])
	case List, Array, Map, Described:
		return encodeJSON(natural(v))
	}
	return fmt.Sprint(v) // booleans, integers and UUIDs
}

// timeLayout is RFC 3339 in UTC, to the millisecond that AMQP has.
const timeLayout = "2006-01-02T15:04:05.000Z"

// timeText returns a time. RFC 3339 has none outside of the years 0 to 9999: of
// these the text is the number of milliseconds.
func timeText(t Timestamp) string {
	if year := t.Time().Year(); year < 0 || year > 9999 {
		return strconv.FormatInt(int64(t), 10)
	}
	return t.Time().Format(timeLayout)
}

// charText returns a character, and what is none by its number.
func charText(c Char) string {
	if r := rune(c); utf8.ValidRune(r) {
		return string(r)
	}
	return fmt.Sprintf("U+%08X", uint32(c))
}

func floatText(f float64, bits int) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}

func hexText(b []byte) string { return "0x" + hex.EncodeToString(b) }
