package tap

import (
	"cmp"
	"fmt"

	"iothub-c2d/internal/amqpwire"
)

// maxDepth is how deep values may be inside of others. go-amqp has no limit, and
// a stack that has grown too large ends a Go program whatever it does.
const maxDepth = 32

// formError returns why a message is not a sequence of described values that are
// well formed. See [wellFormed].
func formError(payload []byte) error {
	for len(payload) > 0 {
		if payload[0] != 0x00 {
			return fmt.Errorf("%w: 0x%02x where a section of a message is expected", amqpwire.ErrDecode, payload[0])
		}
		rest, ok := wellFormed(payload, 0)
		if !ok {
			_, _, err := amqpwire.Decode(payload)
			return cmp.Or(err, amqpwire.ErrDecode) // which is as strict, and knows more words
		}
		payload = rest
	}
	return nil
}

// wellFormed returns what follows the value that b begins with, if the value is
// complete and fills its bytes, with other values or without, and is not too deep.
// Then go-amqp, which has no regard for the sizes of lists and maps, finds the same
// values in it.
func wellFormed(b []byte, depth int) (rest []byte, ok bool) {
	if len(b) == 0 || depth > maxDepth {
		return nil, false
	}
	if b[0] != 0x00 {
		return wellFormedData(b[0], b[1:], depth)
	}
	if rest, ok = wellFormed(b[1:], depth+1); !ok { // the descriptor
		return nil, false
	}
	return wellFormed(rest, depth+1)
}

// wellFormedData is wellFormed for a value whose code is not in b: those in an
// array have theirs in common.
func wellFormedData(code byte, b []byte, depth int) (rest []byte, ok bool) {
	size, width := fixedWidth(code), lengthWidth(code)
	if width > 0 {
		if len(b) < width {
			return nil, false
		}
		size = width + lengthAt(b, width)
	}
	if size < 0 || size > len(b) {
		return nil, false
	}
	data, rest := b[width:size], b[size:]
	switch code >> 4 {
	case 0xc, 0xd, 0xe, 0xf:
		return rest, wellFormedElements(code, data, width, depth+1)
	}
	return rest, true
}

// wellFormedElements looks at what is in a list, a map or an array, after the
// size.
func wellFormedElements(code byte, data []byte, width, depth int) bool {
	if len(data) < width || code&0x0f > 1 {
		return false
	}
	count, rest := lengthAt(data, width), data[width:]
	if count > len(rest) { // so that the loop below is short, though values in an array may have no bytes
		return false
	}
	next := wellFormed
	if code >= 0xe0 {
		common, after, ok := commonCode(rest, depth)
		if !ok {
			return false
		}
		rest = after
		next = func(b []byte, depth int) ([]byte, bool) { return wellFormedData(common, b, depth) }
	}
	for range count {
		var ok bool
		if rest, ok = next(rest, depth); !ok {
			return false
		}
	}
	return len(rest) == 0
}

// commonCode returns the code that the values of an array have in common, after a
// descriptor if they are described.
func commonCode(b []byte, depth int) (code byte, rest []byte, ok bool) {
	if len(b) > 0 && b[0] == 0x00 {
		if b, ok = wellFormed(b[1:], depth); !ok {
			return 0, nil, false
		}
	}
	if len(b) == 0 {
		return 0, nil, false
	}
	return b[0], b[1:], true
}
