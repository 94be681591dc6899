package value

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Parse returns the value that text stands for. The type is as [Type] has it, and
// may come from package json.
func Parse(typ any, text string) (any, error) {
	name, _ := typ.(string)
	if _, ok := typ.(map[string]any); !ok && !isCompound(Name(name)) {
		return parseScalar(Name(name), text)
	}
	form, err := decodeJSON(text)
	if err == nil && depthOf(form) > maxDepth {
		err = fmt.Errorf("values more than %d deep inside of others", maxDepth)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", brief(typ), err)
	}
	return parse(typ, form)
}

// maxDepth is how deep values may be inside of others, in JSON. It has room for all
// that package amqpwire decodes, whose maps may be arrays of arrays in JSON.
const maxDepth = 100

func depthOf(form any) (depth int) {
	switch form := form.(type) {
	case []any:
		for _, v := range form {
			depth = max(depth, depthOf(v))
		}
	case map[string]any:
		for _, v := range form {
			depth = max(depth, depthOf(v))
		}
	default:
		return 0
	}
	return depth + 1
}

// decodeJSON reads one value, and keeps all digits of numbers.
func decodeJSON(text string) (form any, err error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&form); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not JSON: more than one value")
	}
	return form, nil
}

// brief returns what came from JSON, for an error.
func brief(form any) string { return fmt.Sprintf("%.40s", encodeJSON(form)) }

// parse makes a value of its natural form.
func parse(typ, form any) (any, error) {
	switch typ := typ.(type) {
	case nil:
		return parsePlain(form)
	case string:
		if isCompound(Name(typ)) {
			return parseCompound(Name(typ), nil, "", form)
		}
		return parseScalar(Name(typ), formText(form))
	case map[string]any:
		keys, _ := typ["keys"].(string)
		for name, inner := range typ {
			if isCompound(Name(name)) {
				return parseCompound(Name(name), inner, Name(keys), form)
			}
		}
	}
	return nil, fmt.Errorf("%s is no type", brief(typ))
}

// formText returns the text of a scalar.
func formText(form any) string {
	switch form := form.(type) {
	case string:
		return form
	case nil:
		return ""
	}
	return encodeJSON(form)
}

func parseCompound(name Name, types any, keys Name, form any) (any, error) {
	switch form := form.(type) {
	case map[string]any:
		if name == nameMap {
			return parseObject(types, keys, form)
		}
	case []any:
		return parseArray(name, types, form)
	}
	return nil, fmt.Errorf("%s is not the JSON of type %s", brief(form), name)
}

func parseArray(name Name, types any, form []any) (any, error) {
	if name == nameMap {
		return parsePairs(types, form)
	}
	list := make(List, len(form))
	for i := range form {
		var err error
		if list[i], err = parse(typeAt(types, i), form[i]); err != nil {
			return nil, err
		}
	}
	switch {
	case name == nameArray:
		return Array(list), nil
	case name == nameList:
		return list, nil
	case len(list) != 2:
		return nil, fmt.Errorf("a described value is [descriptor, value], not %s", brief(form))
	}
	return Described{Descriptor: list[0], Value: list[1]}, nil
}

// typeAt returns the type of one of several elements.
func typeAt(types any, i int) any {
	list, ok := types.([]any)
	switch {
	case !ok:
		return types
	case i < len(list):
		return list[i]
	}
	return nil
}

func parsePairs(types any, form []any) (any, error) {
	m := make(Map, len(form))
	for i := range form {
		pair, _ := form[i].([]any)
		if len(pair) != 2 {
			return nil, fmt.Errorf("a pair is [key, value], not %s", brief(form[i]))
		}
		var err error
		t := typeAt(types, i)
		if m[i].Key, err = parse(typeAt(t, 0), pair[0]); err != nil {
			return nil, err
		}
		if m[i].Value, err = parse(typeAt(t, 1), pair[1]); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func parseObject(types any, keys Name, form map[string]any) (any, error) {
	if keys == "" {
		keys = NameString
	}
	of, _ := types.(map[string]any)
	m := make(Map, 0, len(form))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		key, err := parseScalar(keys, name)
		if err != nil {
			return nil, err
		}
		v, err := parse(of[name], form[name])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		m = append(m, Pair{Key: key, Value: v})
	}
	return m, nil
}

// parsePlain makes the value that JSON tells without a word about types.
func parsePlain(form any) (any, error) {
	switch form := form.(type) {
	case json.Number:
		return parseNumber(string(form))
	case []any:
		return parseArray(nameList, nil, form)
	case map[string]any:
		return parseObject(nil, NameString, form)
	}
	return form, nil // null, a boolean or a string
}

func parseNumber(text string) (any, error) {
	if strings.ContainsAny(text, ".eE") {
		return parseScalar("double", text)
	}
	v, err := parseScalar("long", text)
	if n, ok := v.(int64); ok && int64(int32(n)) == n {
		return int32(n), nil
	}
	return v, err
}
