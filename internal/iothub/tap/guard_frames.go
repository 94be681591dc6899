package tap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"iothub-c2d/internal/amqpwire"
)

// needed are the fields that go-amqp needs of each performative, and of what is
// inside of one: bit 0 stands for the first. Of the others, such as properties and
// capabilities, nobody here makes use, and go-amqp may not take what is in them.
var needed = map[uint64]uint16{
	codeOpen:        0b1_1111,        // up to idle-time-out
	codeBegin:       0b1_1111,        // up to handle-max
	codeAttach:      0b110_0111_1111, // up to target, initial-delivery-count and max-message-size
	codeFlow:        0b11_1111_1111,  // all but properties
	codeTransfer:    0b111_0111_1111, // all but state
	codeDisposition: 0b11_1111,
	codeDetach:      0b111,
	codeEnd:         0b1,
	0x18:            0b1, // close

	0x1d: 0b111, // error
	0x23: 0b11,  // received
	0x24: 0,     // accepted
	0x25: 0b1,   // rejected
	0x26: 0,     // released
	0x27: 0b11,  // modified: not the annotations
	0x28: 0b1,   // source: its address
	0x29: 0b1,   // target: its address
}

// usual reports whether a frame is as nearly all are that are no transfers: with a
// performative whose fields have no values inside of them, but for a delivery state
// without a reason. go-amqp takes or refuses it, and that is all.
func usual(frame []byte) bool {
	code := performativeOf(frame)
	if frame[4] != 2 || frame[5] != 0 || code == 0 || code == codeTransfer {
		return false
	}
	fields := compoundOf(frame[frameStart:], lists)
	rest := fields.elements
	for range fields.count {
		size := max(scalarOf(rest, scalar|symbol), emptyState(rest))
		if size == 0 {
			return false
		}
		rest = rest[size:]
	}
	return fields.size > 0 && len(rest) == 0
}

// isSASL reports whether a frame is one of SASL's. They have no values that go-amqp
// does not take or refuse, and that is all.
func isSASL(frame []byte) bool {
	const saslFrame, mechanisms, outcome = 1, 0x40, 0x44
	code := performativeOf(frame)
	return frame[4] == 2 && frame[5] == saslFrame && code >= mechanisms && code <= outcome
}

// emptyState returns the size of the delivery state that b begins with, 0 if it is
// none, or has fields.
func emptyState(b []byte) int {
	if len(b) < 4 || b[0] != 0x00 || b[1] != 0x53 || b[2]>>4 != 0x2 {
		return 0
	}
	if c := compoundOf(b[3:], lists); c.count == 0 && len(c.elements) == 0 {
		return 3 + c.size
	}
	return 0
}

// errMalformed is about a frame that makes no sense, and the connection none
// without it.
var errMalformed = errors.New("the hub sent a malformed frame")

// trim returns a frame with nothing but what go-amqp needs, in the form that it
// takes: without an extended header, and with descriptors that are numbers.
func trim(frame []byte) ([]byte, error) {
	f, err := frameBody(frame)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	v, payload, err := amqpwire.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	d, _ := v.(amqpwire.Described)
	if _, symbolic := d.Descriptor.(amqpwire.Symbol); symbolic {
		return trimSymbolic(frame)
	}
	body, ok := trimComposite(d)
	if !ok {
		return nil, fmt.Errorf("%w: it has a body of type %v", errMalformed, d.Descriptor)
	}
	if d.Descriptor == uint64(codeAttach) {
		dropLimit(body.Value.(amqpwire.List))
	}
	b := append([]byte{0, 0, 0, 0, 2, 0}, frame[6:8]...)
	if b, err = amqpwire.Append(b, body); err != nil {
		return nil, fmt.Errorf("rewrite a frame: %w", err)
	}
	if d.Descriptor == uint64(codeTransfer) {
		b = append(b, payload...)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b, nil
}

// frameBody returns what follows the header of an AMQP frame (part 2 §2.3).
func frameBody(frame []byte) ([]byte, error) {
	offset := 4 * int(frame[4])
	if offset < 8 || offset > len(frame) || frame[5] != 0 {
		return nil, fmt.Errorf("data offset %d, type %d", frame[4], frame[5])
	}
	return frame[offset:], nil
}

// trimSymbolic is trim for a frame whose descriptors are symbols.
func trimSymbolic(frame []byte) ([]byte, error) {
	f, err := amqpwire.DecodeFrame(frame)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if frame, err = amqpwire.AppendFrame(nil, f); err != nil {
		return nil, fmt.Errorf("rewrite a frame: %w", err)
	}
	return trim(frame)
}

// dropLimit takes the max-message-size off an attach of a link that the hub sends
// on (part 2 §2.7.3). go-amqp would give up the link over a larger message, and
// meet it on the next one again. The guard has a bound of its own.
func dropLimit(attach amqpwire.List) {
	const role, maxMessageSize = 2, 10 // places among the fields
	if len(attach) > maxMessageSize && attach[role] == amqpwire.RoleSender {
		attach[maxMessageSize] = nil
	}
}

// trimComposite returns a composite with the fields that are needed. It is not ok
// if the composite is none that go-amqp knows.
func trimComposite(d amqpwire.Described) (trimmed amqpwire.Described, ok bool) {
	code, _ := d.Descriptor.(uint64)
	fields, isList := d.Value.(amqpwire.List)
	of, known := needed[code]
	if !isList || !known {
		return d, false
	}
	fields = fields[:min(len(fields), bits.Len16(of))]
	for i, v := range fields {
		if of>>i&1 == 0 {
			v = nil
		}
		fields[i] = trimField(v)
	}
	return amqpwire.Described{Descriptor: code, Value: fields}, true
}

// trimField returns the value of a field, null if go-amqp could not take it.
func trimField(v any) any {
	switch v := v.(type) {
	case amqpwire.Described:
		if d, ok := trimComposite(v); ok {
			return d
		}
		return nil
	case amqpwire.Map: // the info of an error
		var scalars amqpwire.Map
		for _, p := range v {
			if isText(p.Key) && isScalar(p.Value) {
				scalars = append(scalars, p)
			}
		}
		return scalars
	}
	if !isScalar(v) {
		return nil
	}
	return v
}

func isText(v any) bool {
	switch v.(type) {
	case string, amqpwire.Symbol:
		return true
	}
	return false
}

// isScalar reports whether v is a value that go-amqp takes, with no others inside.
func isScalar(v any) bool {
	switch v.(type) {
	case amqpwire.Described, amqpwire.List, amqpwire.Map, amqpwire.Array,
		amqpwire.Char, amqpwire.Decimal32, amqpwire.Decimal64, amqpwire.Decimal128:
		return false
	}
	return true
}
