package amqpwire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// maxDepth bounds the nesting of lists, maps, arrays and described values, so
// that hostile input cannot exhaust the stack.
const maxDepth = 32

// ErrDecode is wrapped by every error about bytes that are not valid AMQP. The
// peer is told amqp:decode-error.
var ErrDecode = errors.New("malformed AMQP data")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDecode, fmt.Sprintf(format, args...))
}

// Decode reads one value from the front of b and returns it with the bytes
// that follow. Binary values alias b.
func Decode(b []byte) (value any, rest []byte, err error) {
	d := decoder{b: b, unclaimed: new(len(b))}
	value, err = d.value()
	return value, d.b, err
}

// decoder consumes b from the front. A nested decoder sees the bytes of its
// container only, so nothing can read past the size that was declared.
type decoder struct {
	b     []byte
	depth int
	// unclaimed is how many more elements the whole input can hold, for nested
	// containers may each claim the bytes of the innermost one.
	unclaimed *int
}

func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(d.b) {
		return nil, malformed("%d bytes wanted, %d left", n, len(d.b))
	}
	taken := d.b[:n:n]
	d.b = d.b[n:]
	return taken, nil
}

// size reads an unsigned number of one or four bytes.
func (d *decoder) size(width int) (int, error) {
	b, err := d.take(width)
	if err != nil {
		return 0, err
	}
	if width == 1 {
		return int(b[0]), nil
	}
	n := binary.BigEndian.Uint32(b)
	if n > math.MaxInt32 {
		return 0, malformed("size %d", n)
	}
	return int(n), nil
}

func (d *decoder) value() (any, error) {
	code, err := d.take(1)
	if err != nil {
		return nil, err
	}
	if code[0] == 0x00 {
		return d.described()
	}
	return d.primitive(code[0])
}

func (d *decoder) described() (any, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	descriptor, err := d.descriptor()
	if err != nil {
		return nil, err
	}
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	return Described{descriptor, v}, nil
}

// descriptor reads a descriptor: a symbol or a ulong, all other types being
// reserved (part 1 §1.5).
func (d *decoder) descriptor() (any, error) {
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	switch v.(type) {
	case uint64, Symbol:
		return v, nil
	}
	return nil, malformed("descriptor of type %T", v)
}

func (d *decoder) enter() error {
	if d.depth++; d.depth > maxDepth {
		return malformed("values nested more than %d deep", maxDepth)
	}
	return nil
}

func (d *decoder) leave() { d.depth-- }

// primitive decodes the value that follows its one-byte format code. The high
// half of the code tells how the data is laid out (part 1 §1.2).
func (d *decoder) primitive(code byte) (any, error) {
	switch code >> 4 {
	case 0x4, 0x5, 0x6, 0x7, 0x8, 0x9:
		return d.scalar(code, fixedWidth(code))
	case 0xa, 0xb:
		n, err := d.size(sizeWidth(code))
		if err != nil {
			return nil, err
		}
		return d.scalar(code, n)
	case 0xc, 0xd:
		return d.compound(code)
	case 0xe, 0xf:
		return d.array(code)
	}
	return nil, malformed("format code 0x%02x", code)
}

// fixedWidth returns the data width of a fixed-width code: 0, 1, 2, 4, 8 or 16.
func fixedWidth(code byte) int { return 1 << (code >> 4) >> 5 }

// sizeWidth returns the width of the size (and count) after a variable,
// compound or array code: one byte for the even families, four for the odd.
func sizeWidth(code byte) int {
	if code>>4&1 == 0 {
		return 1
	}
	return 4
}

func (d *decoder) scalar(code byte, width int) (any, error) {
	data, err := d.take(width)
	if err != nil {
		return nil, err
	}
	decode := scalars[code]
	if decode == nil {
		return nil, malformed("format code 0x%02x", code)
	}
	return decode(data)
}

// elements opens the container that follows its format code: a decoder over
// exactly its bytes, and the number of elements it claims to hold. No element
// is empty, so a count above the number of bytes is a lie, and so are counts
// that add up to more.
func (d *decoder) elements(code byte) (in decoder, count int, err error) {
	width := sizeWidth(code)
	n, err := d.size(width)
	if err != nil {
		return in, 0, err
	}
	body, err := d.take(n)
	if err != nil {
		return in, 0, err
	}
	in = decoder{b: body, depth: d.depth, unclaimed: d.unclaimed}
	if count, err = in.size(width); err != nil {
		return in, 0, err
	}
	if count > min(len(in.b), *in.unclaimed) {
		return in, 0, malformed("%d elements in %d bytes", count, len(in.b))
	}
	*in.unclaimed -= count
	err = in.enter()
	return in, count, err
}

func (d *decoder) finish() error {
	if len(d.b) > 0 {
		return malformed("%d bytes after the last element", len(d.b))
	}
	return nil
}

func (d *decoder) compound(code byte) (any, error) {
	in, count, err := d.elements(code)
	if err != nil {
		return nil, err
	}
	switch code & 0x0f {
	case 0x0:
		return in.list(count)
	case 0x1:
		return in.pairs(count)
	}
	return nil, malformed("format code 0x%02x", code)
}

func (d *decoder) list(count int) (any, error) {
	list := make(List, count)
	for i := range list {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, d.finish()
}

func (d *decoder) pairs(count int) (any, error) {
	if count%2 != 0 {
		return nil, malformed("map with %d elements", count)
	}
	m := make(Map, count/2)
	for i := range m {
		var err error
		if m[i].Key, err = d.value(); err != nil {
			return nil, err
		}
		if m[i].Value, err = d.value(); err != nil {
			return nil, err
		}
	}
	return m, d.finish()
}
