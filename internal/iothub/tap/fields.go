package tap

import "encoding/binary"

// fields reads the first fields of a performative: what every message needs of
// its transfer and its disposition, without decoding them.
type fields struct {
	rest []byte
	bad  bool // there is something else, or too little
}

// fieldsStart is how many bytes of a frame have all that is read by fields: a
// list with four fields, of five bytes at most.
const fieldsStart = frameStart + 9 + 4*5

// fieldsOf returns the fields of a frame, of which start has fieldsStart bytes or
// all.
func fieldsOf(start []byte) fields {
	f := fields{rest: start[frameStart:]}
	switch f.code() {
	case 0xc0: // a list with a size and a count of one byte
		f.next(2)
	case 0xd0: // and of four bytes
		f.next(8)
	default:
		f.bad = true
	}
	return f
}

// next returns the next n bytes.
func (f *fields) next(n int) []byte {
	if f.bad || len(f.rest) < n {
		f.bad = true
		return make([]byte, n)
	}
	b := f.rest[:n]
	f.rest = f.rest[n:]
	return b
}

// code returns the code of the next field's encoding (part 1 §1.6).
func (f *fields) code() byte { return f.next(1)[0] }

// uint reads a uint, which may be null.
func (f *fields) uint() (v uint32, set bool) {
	switch f.code() {
	case 0x40:
		return 0, false
	case 0x43:
		return 0, true
	case 0x52:
		return uint32(f.next(1)[0]), true
	case 0x70:
		return binary.BigEndian.Uint32(f.next(4)), true
	}
	f.bad = true
	return 0, false
}

// bool reads a boolean, which is false if it is null.
func (f *fields) bool() bool {
	switch f.code() {
	case 0x41:
		return true
	case 0x40, 0x42:
		return false
	case 0x56:
		return f.next(1)[0] != 0
	}
	f.bad = true
	return false
}

// deliveryIDOf returns the delivery-id of a transfer (part 2 §2.7.5), which only
// the first frame of a message has.
func deliveryIDOf(start []byte) (id uint32, ok bool) {
	f := fieldsOf(start)
	f.uint() // handle
	id, set := f.uint()
	return id, set && !f.bad
}

// disposal is what a disposition says about one delivery (part 2 §2.7.6).
type disposal struct {
	receiver bool // it comes from the receiver of the message
	id       uint32
	settled  bool
	state    byte // see outcomes; 0 if there is none
}

// disposalOf reads a disposition, of which it gets all. It reports false if that is
// about several deliveries, or has an unusual form.
func disposalOf(frame []byte) (d disposal, ok bool) {
	f := fieldsOf(frame)
	d.receiver = f.bool()
	d.id, _ = f.uint()
	last, set := f.uint()
	d.settled = f.bool()
	d.state = f.state()
	return d, (!set || last == d.id) && !f.bad
}

// state reads the code of a described value, which may be null or missing.
func (f *fields) state() byte {
	if len(f.rest) == 0 {
		return 0
	}
	switch f.code() {
	case 0x40:
		return 0
	case 0x00:
		if f.code() == 0x53 { // a small ulong
			return f.code()
		}
	}
	f.bad = true
	return 0
}
