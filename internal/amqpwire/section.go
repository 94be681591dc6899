package amqpwire

import "fmt"

// Sections are the sections of an encoded message (part 3 §3.2), each as it is
// encoded, with its descriptor. One that the message does not have is empty.
type Sections struct {
	Header                []byte
	DeliveryAnnotations   []byte
	Annotations           []byte
	Properties            []byte
	ApplicationProperties []byte
	Body                  []byte // all sections of it
	Footer                []byte
}

// SplitMessage takes all of b to its sections, which alias b and follow each
// other without a gap. It looks at their kinds, order and sizes, not into them:
// what it splits need not be valid inside.
func SplitMessage(b []byte) (s Sections, err error) {
	parts := [...]*[]byte{&s.Header, &s.DeliveryAnnotations, &s.Annotations, &s.Properties, &s.ApplicationProperties, &s.Body, &s.Footer}
	var last place
	for start := 0; start < len(b); {
		d := decoder{b: b[start:], unclaimed: new(len(b))}
		code, err := d.sectionCode()
		if err == nil {
			err = d.skip()
		}
		if err == nil {
			last, err = last.next(code)
		}
		if err != nil {
			return Sections{}, fmt.Errorf("message section at byte %d: %w", start, err)
		}
		end := len(b) - len(d.b)
		if part := parts[last-1]; *part == nil {
			*part = b[start:end:end]
		} else {
			*part = b[start-len(*part) : end : end] // a body's next section
		}
		start = end
	}
	return s, nil
}

// sectionCode reads the descriptor of a section, and returns its numeric form.
func (d *decoder) sectionCode() (uint64, error) {
	code, err := d.take(1)
	if err != nil {
		return 0, err
	}
	if code[0] != 0x00 {
		return 0, malformed("format code 0x%02x where a message section is expected", code[0])
	}
	descriptor, err := d.descriptor()
	return codeOf(descriptor), err
}

// skip passes over a value by its size. It does not look into the value.
func (d *decoder) skip() error {
	code, err := d.take(1)
	for err == nil && code[0] == 0x00 {
		if _, err = d.descriptor(); err == nil {
			code, err = d.take(1)
		}
	}
	if err != nil {
		return err
	}
	n := fixedWidth(code[0])
	switch family := code[0] >> 4; {
	case family < 0x4:
		err = malformed("format code 0x%02x", code[0])
	case family >= 0xa:
		n, err = d.size(sizeWidth(code[0]))
	}
	if err == nil {
		_, err = d.take(n)
	}
	return err
}

// place is where a section stands in the order of sections (part 3 §3.2), from 1.
type place int

// bodyPlace is the place of the body. Only its sections repeat.
const bodyPlace place = 6

var places = map[uint64]place{
	codeHeader:                1,
	codeDeliveryAnnotations:   2,
	codeAnnotations:           3,
	codeProperties:            4,
	codeApplicationProperties: 5,
	codeData:                  bodyPlace,
	codeSequence:              bodyPlace,
	codeValue:                 bodyPlace,
	codeFooter:                7,
}

// next returns the place of the section that follows the one at p.
func (p place) next(code uint64) (place, error) {
	at, known := places[code]
	switch {
	case !known:
		return 0, malformed("unknown descriptor")
	case at < p || at == p && at != bodyPlace:
		return 0, malformed("out of order")
	}
	return at, nil
}

// codeOf returns the numeric form of a section's descriptor, 0 if it is none.
func codeOf(descriptor any) uint64 {
	if name, ok := descriptor.(Symbol); ok {
		return sectionCodes[name]
	}
	code, _ := descriptor.(uint64)
	return code
}
