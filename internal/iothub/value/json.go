package value

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// natural returns a value in the types of package json: as a reader of JSON
// expects it, and with no word about AMQP's types.
//
//   - A map whose keys are of one type, and all different, is an object. Any other
//     is an array of arrays of a key and its value.
//   - A described value is an array of the descriptor and the value.
//   - What JSON has no form for is a string with its text.
func natural(v any) any {
	switch v := v.(type) {
	case nil, Null:
		return nil
	case bool, string:
		return v
	case uint8, uint16, uint32, uint64, int8, int16, int32, int64:
		return json.Number(fmt.Sprint(v))
	case float32:
		return floatJSON(float64(v), Text(v))
	case float64:
		return floatJSON(v, Text(v))
	case List:
		return naturals(v)
	case Array:
		return naturals(v)
	case Map:
		return naturalMap(v)
	case Described:
		return []any{natural(v.Descriptor), natural(v.Value)}
	}
	return Text(v)
}

// encodeJSON returns JSON in one line. What comes from natural, or from JSON,
// cannot fail.
func encodeJSON(form any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(form)
	return strings.TrimSuffix(b.String(), "\n")
}

// floatJSON returns a number that no reader takes for an integer.
func floatJSON(f float64, text string) any {
	switch {
	case math.IsNaN(f), math.IsInf(f, 0):
		return text
	case !strings.ContainsAny(text, ".e"):
		text += ".0"
	}
	return json.Number(text)
}

func naturals(list []any) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = natural(v)
	}
	return out
}

func naturalMap(m Map) any {
	if _, ok := keysOf(m); !ok {
		pairs := make([]any, len(m))
		for i, p := range m {
			pairs[i] = []any{natural(p.Key), natural(p.Value)}
		}
		return pairs
	}
	object := make(map[string]any, len(m))
	for _, p := range m {
		object[Text(p.Key)] = natural(p.Value)
	}
	return object
}

// keysOf returns the type of the keys of a map. It is not ok if they cannot be
// the names in an object.
func keysOf(m Map) (name Name, ok bool) {
	name = NameString
	seen := make(map[string]bool, len(m))
	for i, p := range m {
		if i == 0 {
			name = NameOf(p.Key)
		}
		text := Text(p.Key)
		if NameOf(p.Key) != name || isCompound(name) || name == NameNull || seen[text] {
			return "", false
		}
		seen[text] = true
	}
	return name, true
}

// IsCompound reports whether a value has others inside, so that its text is JSON.
func IsCompound(v any) bool { return isCompound(NameOf(v)) }

func isCompound(name Name) bool {
	switch name {
	case nameList, nameArray, nameMap, nameDescribed:
		return true
	}
	return false
}

// plain reports whether the natural form of v in JSON gives v back, without a
// word about types.
func plain(v any) bool {
	switch v := v.(type) {
	case nil, Null, bool, string, int32:
		return true
	case int64:
		return int64(int32(v)) != v
	case float64:
		return !math.IsNaN(v) && !math.IsInf(v, 0)
	case List:
		for _, element := range v {
			if !plain(element) {
				return false
			}
		}
		return true
	case Map:
		for _, p := range v {
			if !plain(p.Value) {
				return false
			}
		}
		name, ok := keysOf(v)
		return ok && name == NameString
	}
	return false
}
