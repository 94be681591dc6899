package iothub

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/value"
)

// encodeValue returns a value as the AMQP library has it. It has no chars, decimals
// and described values, and not all maps and arrays.
func encodeValue(v any) (any, error) {
	switch v := v.(type) {
	case value.Null:
		return amqp.Null{}, nil
	case string:
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("%q is not UTF-8", v)
		}
		return v, nil
	case value.Symbol:
		return amqp.Symbol(v), nil
	case value.UUID:
		return amqp.UUID(v), nil
	case value.Timestamp:
		return time.UnixMilli(int64(v)), nil
	case value.List:
		return encodeList(v)
	case value.Map:
		return encodeMap(v)
	case value.Array:
		return encodeArray(v)
	case value.Char, value.Decimal32, value.Decimal64, value.Decimal128, value.Described:
		return nil, fmt.Errorf("the AMQP library cannot send the type %s", value.NameOf(v))
	}
	if value.NameOf(v) == "" {
		return nil, fmt.Errorf("AMQP has no type for Go's %T", v)
	}
	return v, nil // numbers, booleans, bytes and null are the same
}

func encodeList(list value.List) ([]any, error) {
	out := make([]any, len(list))
	for i, v := range list {
		var err error
		if out[i], err = encodeValue(v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func encodeMap(m value.Map) (map[any]any, error) {
	out := make(map[any]any, len(m))
	for _, p := range m {
		key, err := encodeValue(p.Key)
		if err != nil {
			return nil, err
		}
		if !reflect.ValueOf(&key).Elem().Comparable() {
			return nil, fmt.Errorf("the AMQP library cannot send a map with a key of type %s", value.NameOf(p.Key))
		}
		if _, twice := out[key]; twice {
			return nil, fmt.Errorf("the AMQP library cannot send a map with the key %s twice", value.Text(p.Key))
		}
		if out[key], err = encodeValue(p.Value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// encodeArray returns a slice of the type that the elements have in the AMQP
// library, of symbols if there are none.
func encodeArray(array value.Array) (any, error) {
	elements, err := encodeList(value.List(array))
	if err != nil || len(elements) == 0 {
		return []amqp.Symbol{}, err
	}
	if err := checkArray(array); err != nil {
		return nil, err
	}
	slice := reflect.MakeSlice(reflect.SliceOf(reflect.TypeOf(elements[0])), len(elements), len(elements))
	for i, v := range elements {
		slice.Index(i).Set(reflect.ValueOf(v))
	}
	return slice.Interface(), nil
}

// checkArray returns an error for an array that AMQP or its library has no form
// for.
func checkArray(array value.Array) error {
	name := value.NameOf(array[0])
	least, most := int64(0), int64(0)
	for _, v := range array {
		if value.NameOf(v) != name {
			return fmt.Errorf("an array of %s and %s", name, value.NameOf(v))
		}
		least, most = min(least, integer(v)), max(most, integer(v))
	}
	switch array[0].(type) {
	case nil, uint8, value.List, value.Array: // a slice of uint8 would go as binary
		return fmt.Errorf("the AMQP library cannot send an array of %s", name)
	case int32, int64: // it looks for numbers above a byte only
		if least < math.MinInt8 && most <= math.MaxInt8 {
			return fmt.Errorf("the AMQP library cannot send an array of %s with %d and none above %d", name, least, math.MaxInt8)
		}
	}
	return nil
}

// decodeValue returns a value of the AMQP library's. What it takes for a text and
// is none, is bytes.
func decodeValue(v any) any {
	switch v := v.(type) {
	case string:
		if !utf8.ValidString(v) {
			return []byte(v)
		}
	case amqp.Symbol:
		return value.Symbol(v)
	case amqp.UUID:
		return value.UUID(v)
	case time.Time:
		return value.Timestamp(v.UnixMilli())
	case []any:
		return decodeList(v)
	case map[any]any:
		return decodeMap(v)
	case map[string]any:
		return decodeMap(v)
	}
	if v == nil || value.NameOf(v) != "" {
		return v
	}
	return decodeOther(v)
}

// decodeOther returns what stands for a type that the AMQP library keeps to itself,
// or for an array.
func decodeOther(v any) any {
	of := reflect.ValueOf(v)
	if of.Kind() != reflect.Slice {
		return fmt.Sprint(v)
	}
	array := make(value.Array, of.Len())
	for i := range array {
		array[i] = decodeValue(of.Index(i).Interface())
	}
	return array
}

func decodeList(list []any) value.List {
	out := make(value.List, len(list))
	for i, v := range list {
		out[i] = decodeValue(v)
	}
	return out
}

// decodeMap returns a map in the order of the texts of its keys: Go's have none.
func decodeMap[K comparable](m map[K]any) value.Map {
	var out value.Map
	for k, v := range m {
		out = append(out, value.Pair{Key: decodeValue(k), Value: decodeValue(v)})
	}
	slices.SortFunc(out, func(a, b value.Pair) int { return cmp.Compare(value.Text(a.Key), value.Text(b.Key)) })
	return out
}
