package query

import (
	"fmt"
	"slices"
	"strconv"
)

// parser reads a query by recursive descent. Its depth is bounded by [maxQuery].
type parser struct{ tokens []token }

// peek returns the next token. The last one is the end, and stays.
func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) take() token {
	t := p.tokens[0]
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

// accept takes the next token if it is the keyword or symbol.
func (p *parser) accept(what string) bool {
	if !p.peek().is(what) {
		return false
	}
	p.take()
	return true
}

func (p *parser) expect(what string) error {
	if !p.accept(what) {
		return fmt.Errorf("%s is not %s", p.peek(), what)
	}
	return nil
}

func (p *parser) query(q *Query) (err error) {
	if err := p.expect("SELECT"); err != nil {
		return err
	}
	if err := p.columns(q); err != nil {
		return err
	}
	if err := p.expect("FROM"); err != nil {
		return err
	}
	switch source := p.take(); {
	case source.is("devices.modules"):
		q.Modules = true
	case !source.is("devices"):
		return fmt.Errorf("%s is neither devices nor devices.modules", source)
	}
	if p.accept("WHERE") {
		if q.where, err = p.either(); err != nil {
			return err
		}
	}
	if t := p.peek(); t.kind != end {
		return fmt.Errorf("%s is not understood here", t)
	}
	return nil
}

// columns reads what is selected: *, COUNT() or fields.
func (p *parser) columns(q *Query) error {
	if p.accept("*") {
		return nil
	}
	for {
		field := p.take()
		if field.kind != name {
			return fmt.Errorf("%s is no field", field)
		}
		counts := field.is("COUNT") && p.accept("(")
		if counts {
			if err := p.expect(")"); err != nil {
				return err
			}
		}
		as, err := p.alias(field.text)
		switch {
		case err != nil:
			return err
		case counts && (q.columns != nil || p.peek().is(",")):
			return fmt.Errorf("COUNT() must be alone")
		case counts:
			q.Count = as
			return nil
		}
		q.columns = append(q.columns, column{field.text, as})
		if !p.accept(",") {
			return nil
		}
	}
}

// alias reads the name that a column is to have, if it is not its own.
func (p *parser) alias(own string) (string, error) {
	if !p.accept("AS") {
		return own, nil
	}
	t := p.take()
	if t.kind != name {
		return "", fmt.Errorf("%s is no name", t)
	}
	return t.text, nil
}

// either reads conditions with OR between them.
func (p *parser) either() (condition, error) {
	first, err := p.both()
	for err == nil && p.accept("OR") {
		var second condition
		a := first
		second, err = p.both()
		first = func(r Row) bool { return a(r) || second(r) }
	}
	return first, err
}

// both reads conditions with AND between them.
func (p *parser) both() (condition, error) {
	first, err := p.single()
	for err == nil && p.accept("AND") {
		var second condition
		a := first
		second, err = p.single()
		first = func(r Row) bool { return a(r) && second(r) }
	}
	return first, err
}

// single reads a comparison, a condition in brackets, or the opposite of one.
func (p *parser) single() (condition, error) {
	switch {
	case p.accept("NOT"):
		c, err := p.single()
		return func(r Row) bool { return !c(r) }, err
	case p.accept("("):
		c, err := p.either()
		if err != nil {
			return nil, err
		}
		return c, p.expect(")")
	}
	return p.comparison()
}

// comparison reads a field, an operator, and a value or a list of them.
func (p *parser) comparison() (condition, error) {
	field := p.take()
	if field.kind != name {
		return nil, fmt.Errorf("%s is no field", field)
	}
	if p.accept("IN") {
		values, err := p.list()
		return func(r Row) bool {
			v, _ := r.field(field.text)
			return slices.ContainsFunc(values, func(want any) bool { return equal(v, want) })
		}, err
	}
	operator := p.take()
	holds, known := operators[operator.text]
	if operator.kind != symbol || !known {
		return nil, fmt.Errorf("%s is no operator", operator)
	}
	want, err := p.value()
	return func(r Row) bool {
		v, _ := r.field(field.text)
		return holds(v, want)
	}, err
}

// list reads values in square brackets.
func (p *parser) list() (values []any, err error) {
	if err := p.expect("["); err != nil {
		return nil, err
	}
	for !p.accept("]") {
		if len(values) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

func (p *parser) value() (any, error) {
	t := p.take()
	switch {
	case t.kind == text:
		return t.text, nil
	case t.kind == number:
		n, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, fmt.Errorf("%s is no number", t)
		}
		return n, nil
	case t.is("true"), t.is("false"):
		return t.is("true"), nil
	case t.is("null"):
		return nil, nil
	}
	return nil, fmt.Errorf("%s is no value", t)
}
