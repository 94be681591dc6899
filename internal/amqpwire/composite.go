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

// load returns the field's value as it goes on the wire, nil for null.
func (f field) load() any {
	switch p := f.ptr.(type) {
	case *bool:
		return loadValue(p, f.need)
	case *string:
		return loadValue(p, f.need)
	case *Symbol:
		return loadValue(p, f.need)
	case *uint8:
		return loadValue(p, f.need)
	case *uint32:
		return loadValue(p, f.need)
	case *uint64:
		return loadValue(p, f.need)
	case **uint8:
		return loadPointer(*p)
	case **uint16:
		return loadPointer(*p)
	case **uint32:
		return loadPointer(*p)
	case **uint64:
		return loadPointer(*p)
	case **Timestamp:
		return loadPointer(*p)
	case *any:
		return *p
	}
	return f.loadCompound()
}

func (f field) loadCompound() any {
	switch p := f.ptr.(type) {
	case *[]byte:
		if *p != nil || f.need == mandatory {
			return *p
		}
	case *Map:
		if *p != nil {
			return *p
		}
	case *[]Symbol:
		return loadSymbols(*p, f.need)
	case *DeliveryState:
		if *p != nil {
			return describe(*p)
		}
	case **Error:
		if *p != nil {
			return describe(*p)
		}
	case **Source:
		if *p != nil {
			return describe(*p)
		}
	case **Target:
		if *p != nil {
			return describe(*p)
		}
	}
	return nil
}

func loadValue[T comparable](p *T, need presence) any {
	var zero T
	if *p == zero && need == optional {
		return nil
	}
	return *p
}

func loadPointer[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func loadSymbols(symbols []Symbol, need presence) any {
	if len(symbols) == 0 && need == optional {
		return nil
	}
	array := make(Array, len(symbols))
	for i, s := range symbols {
		array[i] = s
	}
	return array
}

// store puts a decoded value into the field; v is nil only if the field is
// mandatory.
func (f field) store(v any) error {
	switch p := f.ptr.(type) {
	case *bool:
		return storeValue(p, v)
	case *string:
		return storeValue(p, v)
	case *Symbol:
		return storeValue(p, v)
	case *uint8:
		return storeValue(p, v)
	case *uint32:
		return storeValue(p, v)
	case *uint64:
		return storeValue(p, v)
	case **uint8:
		return storePointer(p, v)
	case **uint16:
		return storePointer(p, v)
	case **uint32:
		return storePointer(p, v)
	case **uint64:
		return storePointer(p, v)
	case **Timestamp:
		return storePointer(p, v)
	case *any:
		return storeValue(p, v)
	}
	return f.storeCompound(v)
}

func (f field) storeCompound(v any) error {
	switch p := f.ptr.(type) {
	case *[]byte:
		return storeValue(p, v)
	case *Map:
		return storeValue(p, v)
	case *[]Symbol:
		return storeSymbols(p, v)
	case *DeliveryState:
		return storeState(p, v)
	case **Error:
		*p = new(Error)
		return fillDescribed(*p, v)
	case **Source:
		*p = new(Source)
		return fillDescribed(*p, v)
	case **Target:
		*p = new(Target)
		return fillDescribed(*p, v)
	}
	return fmt.Errorf("no way to decode a %T", f.ptr)
}

func storeValue[T any](p *T, v any) error {
	t, ok := v.(T)
	if !ok {
		return wrongType(*p, v)
	}
	*p = t
	return nil
}

func storePointer[T any](p **T, v any) error {
	t, ok := v.(T)
	if !ok {
		return wrongType(t, v)
	}
	*p = &t
	return nil
}

// storeSymbols takes an array of symbols or, as every "multiple" field may be
// sent, a single one (part 1 §1.4).
func storeSymbols(p *[]Symbol, v any) error {
	switch v := v.(type) {
	case Symbol:
		*p = []Symbol{v}
		return nil
	case Array:
		symbols := make([]Symbol, len(v))
		for i := range v {
			if err := storeValue(&symbols[i], v[i]); err != nil {
				return err
			}
		}
		*p = symbols
		return nil
	}
	return wrongType(*p, v)
}

func wrongType(want, got any) error {
	if got == nil {
		return malformed("mandatory field is missing")
	}
	return malformed("%T where %T is expected", got, want)
}
