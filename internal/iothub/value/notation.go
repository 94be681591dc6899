package value

// Type returns the type of a value as JSON has it: what [Parse] needs to make the
// value of its [Text]. That is the name, and for values inside of which JSON does
// not tell the types it is an object:
//
//	{"list":[T,...]}       a list with these types, or {"list":T} if all are T
//	{"array":T}            an array of T
//	{"map":{"k":T}}        a map; "keys" has the type of the keys if it is not string
//	{"map":[[T,T],...]}    a map with keys that cannot be names: the types of each pair
//	{"described":[T,T]}    a described value: the types of the descriptor and the value
//
// A T is null, or left out of an object, where JSON tells the type: null, booleans
// and strings, int and long if it takes a long to hold the number, doubles (with a
// point or an exponent), and lists and maps of nothing else, with strings for keys.
func Type(v any) any {
	switch v := v.(type) {
	case List:
		if !plain(v) {
			return map[string]any{string(nameList): elementTypes(v)}
		}
	case Array:
		if len(v) > 0 {
			return map[string]any{string(nameArray): elementTypes(v)}
		}
	case Map:
		return mapType(v)
	case Described:
		return map[string]any{string(nameDescribed): []any{inner(v.Descriptor), inner(v.Value)}}
	}
	return string(NameOf(v))
}

// inner is the type of a value inside of another.
func inner(v any) any {
	if plain(v) {
		return nil
	}
	return Type(v)
}

// elementTypes returns one name if it is that of all elements.
func elementTypes(list []any) any {
	name, same := NameOf(list[0]), true
	types := make([]any, len(list))
	for i, v := range list {
		types[i] = inner(v)
		same = same && NameOf(v) == name
	}
	if same && !isCompound(name) {
		return string(name)
	}
	return types
}

func mapType(m Map) any {
	if plain(m) {
		return string(nameMap)
	}
	name, ok := keysOf(m)
	if !ok {
		types := make([]any, len(m))
		for i, p := range m {
			types[i] = []any{inner(p.Key), inner(p.Value)}
		}
		return map[string]any{string(nameMap): types}
	}
	types := make(map[string]any)
	for _, p := range m {
		if t := inner(p.Value); t != nil {
			types[Text(p.Key)] = t
		}
	}
	t := map[string]any{string(nameMap): types}
	if name != NameString {
		t["keys"] = string(name)
	}
	return t
}
