package amqpwire

import "fmt"

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
		d, _ := v.(Described)
		*p = &Target{Coordinator: coordinator.matches(d.Descriptor)}
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
