package amqpwire

import (
	"fmt"
	"reflect"
	"strings"
)

// dump writes a value much as Go source would: the type where an interface
// hides it, the fields of a struct that are not zero, and pointers as what
// they point to. It tells nil from empty only where the wire does.
func dump(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool, *bool:
		return fmt.Sprint(v)
	case string:
		return fmt.Sprintf("%q", v)
	case []byte:
		return fmt.Sprintf("[]byte(%+q)", v)
	case Symbol:
		return fmt.Sprintf("Symbol(%+q)", string(v))
	case Char:
		return fmt.Sprintf("Char(%#x)", int32(v))
	case UUID:
		return fmt.Sprintf("UUID(%s)", v)
	case Decimal32, Decimal64, Decimal128:
		return fmt.Sprintf("%s(%x)", reflect.TypeOf(v).Name(), v)
	case Null:
		return "Null{}"
	}
	return dumpCompound(v)
}

func dumpCompound(v any) string {
	switch v := v.(type) {
	case List:
		return "List" + dumpAll(v)
	case Array:
		return "Array" + dumpAll(v)
	case []Symbol:
		return dumpAll(v)
	case [][]byte:
		return dumpAll(v)
	case []List:
		return dumpAll(v)
	case Described:
		return "Described" + dumpAll([]any{v.Descriptor, v.Value})
	case Map:
		pairs := make([]string, len(v))
		for i, p := range v {
			pairs[i] = dump(p.Key) + ": " + dump(p.Value)
		}
		return "Map{" + strings.Join(pairs, ", ") + "}"
	}
	return dumpReflect(reflect.ValueOf(v))
}

func dumpAll[T any](elements []T) string {
	texts := make([]string, len(elements))
	for i, e := range elements {
		texts[i] = dump(e)
	}
	return "{" + strings.Join(texts, ", ") + "}"
}

func dumpReflect(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		return dump(v.Elem().Interface())
	case reflect.Struct:
		return v.Type().Name() + "{" + strings.Join(dumpFields(v), ", ") + "}"
	}
	return fmt.Sprintf("%s(%v)", v.Type().Name(), v.Interface())
}

// dumpFields writes the fields of a struct that are set. The types of numbers
// are left out, for the struct tells them.
func dumpFields(v reflect.Value) []string {
	var fields []string
	for i := range v.NumField() {
		f := v.Field(i)
		if f.IsZero() {
			continue
		}
		text := dump(f.Interface())
		if number := reflect.Indirect(f); f.Kind() != reflect.Interface && isNumber(number) {
			text = fmt.Sprint(number.Interface())
		}
		fields = append(fields, v.Type().Field(i).Name+": "+text)
	}
	return fields
}

func isNumber(v reflect.Value) bool { return v.CanInt() || v.CanUint() }
