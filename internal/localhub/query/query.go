package query

import (
	"fmt"
	"strings"
)

// Row is a JSON object: its values are nil, bool, float64, string, or a Row.
type Row map[string]any

// Query is a query that has been understood.
type Query struct {
	Modules bool   // it is about modules, not devices
	Count   string // under this name, it only asks how many there are; empty: it asks for rows
	columns []column
	where   condition
}

// column is a field that is asked for, and its name in the answer.
type column struct{ field, as string }

// condition decides about a row.
type condition func(Row) bool

// maxQuery is how long a query may be, in bytes. IoT Hub publishes no limit.
const maxQuery = 4 << 10

// Parse understands a query. The error says what this package does not understand.
func Parse(s string) (*Query, error) {
	if len(s) > maxQuery {
		return nil, fmt.Errorf("it is longer than %d bytes", maxQuery)
	}
	tokens, err := scan(s)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	q := &Query{where: func(Row) bool { return true }}
	if err := p.query(q); err != nil {
		return nil, err
	}
	return q, nil
}

// Matches reports whether a row is asked for.
func (q *Query) Matches(r Row) bool { return q.where(r) }

// Select returns what is asked for of a row.
func (q *Query) Select(r Row) Row {
	if q.columns == nil {
		return r
	}
	selected := make(Row)
	for _, c := range q.columns {
		if v, ok := r.field(c.field); ok {
			selected[c.as] = v
		}
	}
	return selected
}

// field returns the value at a path with dots, if there is one.
func (r Row) field(path string) (v any, ok bool) {
	for part, rest, more := strings.Cut(path, "."); ; part, rest, more = strings.Cut(rest, ".") {
		if v, ok = r[part]; !more || !ok {
			return v, ok
		}
		if r, ok = v.(Row); !ok {
			return nil, false
		}
	}
}
