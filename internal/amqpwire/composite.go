package amqpwire

import "fmt"

// composite is a described list with named fields (part 1 §1.4).
type composite interface {
	descriptor() descriptor
	// fields lists the fields in wire order, as pointers into the composite.
	fields() []field
}

// descriptor identifies a composite: name is the spec's, without the
// "amqp:…:list" around it.
type descriptor struct {
	code uint64
	name string
}

// matches reports whether v, a descriptor from the wire, stands for d. Both the
// numeric and the symbolic form are legal.
func (d descriptor) matches(v any) bool {
	switch v := v.(type) {
	case uint64:
		return v == d.code
	case Symbol:
		return v == Symbol("amqp:"+d.name+":list")
	}
	return false
}

// field is one place in a composite's list. An optional field is null on the
// wire when the Go value is zero; where zero and absent differ, the Go value is
// a pointer.
type field struct {
	name string
	// ptr points to one of the types that load and store know.
	ptr  any
	need presence
}

type presence bool

const (
	optional  presence = false
	mandatory presence = true
)

// describe returns c as a value, without the null fields at its end.
func describe(c composite) Described {
	fields := c.fields()
	list := make(List, len(fields))
	end := 0
	for i, f := range fields {
		if list[i] = f.load(); list[i] != nil {
			end = i + 1
		}
	}
	return Described{c.descriptor().code, list[:end]}
}

// fill stores the elements of list in the fields of c. Fields that are missing
// at the end are null (part 1 §1.4).
func fill(c composite, list List) error {
	name := c.descriptor().name
	fields := c.fields()
	if len(list) > len(fields) {
		return malformed("%s with %d fields", name, len(list))
	}
	for i, f := range fields {
		var v any
		if i < len(list) {
			v = list[i]
		}
		if v == nil && f.need == optional {
			continue
		}
		if err := f.store(v); err != nil {
			return fmt.Errorf("%s %s: %w", name, f.name, err)
		}
	}
	return nil
}

// fillDescribed stores v in c if v is a c.
func fillDescribed(c composite, v any) error {
	d, _ := v.(Described)
	list, isList := d.Value.(List)
	if !isList || !c.descriptor().matches(d.Descriptor) {
		return malformed("%s expected", c.descriptor().name)
	}
	return fill(c, list)
}
