package tap

// The sections of a message (part 3 §3.2).
const (
	sectionHeader              = 0x70
	sectionDeliveryAnnotations = 0x71
	sectionAnnotations         = 0x72
	sectionProperties          = 0x73
	sectionApplication         = 0x74
	sectionData                = 0x75
	sectionValue               = 0x77
	sectionFooter              = 0x78
)

// id is what the id of a message may be (part 3 §3.2.11 to §3.2.14).
const id = null | ulong | uuid | binaries | text

var (
	headerFields   = []kinds{null | boolean, null | ubyte, null | uints, null | boolean, null | uints}
	propertyFields = []kinds{
		id, null | binaries, null | text, null | text, null | text, id, null | symbol, null | symbol,
		null | timestamp, null | timestamp, null | text, null | uints, null | text,
	}
)

// plain reports whether a message is as nearly all are: of well-formed sections,
// each once and in order, with text, bytes, numbers and times as properties, and
// bytes or a text as body. go-amqp takes such a message, and tells all of it.
//
// This is for every message: it makes no garbage.
func plain(payload []byte) bool {
	last := byte(0)
	for len(payload) > 0 {
		if len(payload) < 4 || payload[0] != 0x00 || payload[1] != 0x53 {
			return false
		}
		section := payload[2]
		if section < last || section == last && section != sectionData || last == sectionData && section == sectionValue {
			return false
		}
		size := plainSection(section, payload[3:])
		if size == 0 {
			return false
		}
		payload, last = payload[3+size:], section
	}
	return true
}

// plainSection returns the size of the value that makes a section, 0 if it is not
// plain.
func plainSection(section byte, b []byte) int {
	var ok bool
	var c compound
	switch section {
	case sectionHeader:
		c = compoundOf(b, lists)
		ok = c.isFieldsOf(headerFields, nil)
	case sectionProperties:
		c = compoundOf(b, lists)
		ok = c.isFieldsOf(propertyFields, nil)
	case sectionDeliveryAnnotations, sectionAnnotations, sectionFooter:
		c = compoundOf(b, maps)
		ok = c.isMapOf(text|symbol, scalar|symbol)
	case sectionApplication:
		c = compoundOf(b, maps)
		ok = c.isMapOf(text, scalar) // go-amqp makes no difference between a symbol and a text
	case sectionData:
		return scalarOf(b, binaries)
	case sectionValue:
		return goodScalarOf(b, binaries|text)
	}
	if !ok {
		return 0
	}
	return c.size
}
