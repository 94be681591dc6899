package query

import "strings"

// operators compare a row's value with one of the query. Values of different types
// are neither equal nor in any order.
var operators = map[string]func(v, want any) bool{
	"=":  equal,
	"!=": func(v, want any) bool { return !equal(v, want) },
	"<>": func(v, want any) bool { return !equal(v, want) },
	"<":  func(v, want any) bool { c, ok := compare(v, want); return ok && c < 0 },
	"<=": func(v, want any) bool { c, ok := compare(v, want); return ok && c <= 0 },
	">":  func(v, want any) bool { c, ok := compare(v, want); return ok && c > 0 },
	">=": func(v, want any) bool { c, ok := compare(v, want); return ok && c >= 0 },
}

func equal(v, want any) bool {
	switch v.(type) {
	case nil, bool, float64, string:
		return v == want
	}
	return false
}

func compare(v, want any) (c int, ok bool) {
	switch v := v.(type) {
	case string:
		other, ok := want.(string)
		return strings.Compare(v, other), ok
	case float64:
		other, ok := want.(float64)
		switch {
		case v < other:
			return -1, ok
		case v > other:
			return 1, ok
		}
		return 0, ok
	}
	return 0, false
}
