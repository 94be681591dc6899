package amqpwire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ProtocolHeader is what each side sends first (part 2 §2.2, part 5 §5.2 and
// §5.3.2).
type ProtocolHeader [8]byte

// The protocol headers of AMQP 1.0.
var (
	HeaderAMQP = ProtocolHeader{'A', 'M', 'Q', 'P', 0, 1, 0, 0}
	HeaderSASL = ProtocolHeader{'A', 'M', 'Q', 'P', 3, 1, 0, 0}
)

// MinMaxFrameSize is the frame size that every peer must accept, in bytes
// (part 2 §2.7.1), and the limit until open has been exchanged.
const MinMaxFrameSize = 512

const (
	frameHeaderSize = 8
	frameTypeAMQP   = 0x00
	frameTypeSASL   = 0x01
)

// ErrFraming is wrapped by errors about a frame's header. The peer is told
// amqp:connection:framing-error, for what follows cannot be found.
var ErrFraming = errors.New("malformed AMQP frame")

// Frame is one frame (part 2 §2.3). A nil Body is an empty frame, which only
// keeps the connection alive.
type Frame struct {
	Channel uint16 // not used by SASL frames
	SASL    bool
	Body    Performative
	Payload []byte // what follows a transfer
}

// ReadFrame reads one frame of at most maxSize bytes. It returns io.EOF only
// if r ends between two frames.
func ReadFrame(r io.Reader, maxSize uint32) (Frame, error) {
	b, err := ReadFrameBytes(r, maxSize)
	if err != nil {
		return Frame{}, err
	}
	return DecodeFrame(b)
}

// ReadFrameBytes is [ReadFrame] for who wants to call [DecodeFrame] later: a
// decoded frame may take many times as much memory as its bytes.
func ReadFrameBytes(r io.Reader, maxSize uint32) ([]byte, error) {
	var header [frameHeaderSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(header[:])
	if size < frameHeaderSize || size > maxSize {
		return nil, fmt.Errorf("%w: size %d, the limit is %d", ErrFraming, size, maxSize)
	}
	b := make([]byte, size)
	copy(b, header[:])
	if _, err := io.ReadFull(r, b[frameHeaderSize:]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b, nil
}

// DecodeFrame decodes all of b as one frame. Binary values and the payload
// alias b.
func DecodeFrame(b []byte) (Frame, error) {
	if len(b) < frameHeaderSize || int64(binary.BigEndian.Uint32(b)) != int64(len(b)) {
		return Frame{}, fmt.Errorf("%w: %d bytes", ErrFraming, len(b))
	}
	offset := int(b[4]) * 4 // the data offset counts words of four bytes
	if offset < frameHeaderSize || offset > len(b) {
		return Frame{}, fmt.Errorf("%w: data offset %d", ErrFraming, offset)
	}
	f := Frame{SASL: b[5] == frameTypeSASL}
	switch b[5] {
	case frameTypeAMQP:
		f.Channel = binary.BigEndian.Uint16(b[6:])
	case frameTypeSASL:
	default:
		return Frame{}, fmt.Errorf("%w: type 0x%02x", ErrFraming, b[5])
	}
	if err := f.decodeBody(b[offset:]); err != nil {
		return Frame{}, err
	}
	return f, nil
}

func (f *Frame) decodeBody(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	v, rest, err := Decode(b)
	if err != nil {
		return err
	}
	described, _ := v.(Described)
	f.Body = newPerformative(f.SASL, described.Descriptor)
	if f.Body == nil {
		return malformed("unknown frame body %v", described.Descriptor)
	}
	if len(rest) > 0 {
		if _, ok := f.Body.(*Transfer); !ok {
			return malformed("%d bytes after %s", len(rest), f.Body.descriptor().name)
		}
		f.Payload = rest
	}
	return fillDescribed(f.Body, v)
}

// newPerformative returns an empty body for a descriptor, nil if there is none
// in the given kind of frame.
func newPerformative(sasl bool, d any) Performative {
	bodies := amqpBodies
	if sasl {
		bodies = saslBodies
	}
	if name, ok := d.(Symbol); ok {
		d = symbolicBodies[name]
	}
	code, ok := d.(uint64)
	if !ok {
		return nil
	}
	construct, ok := bodies[code]
	if !ok {
		return nil
	}
	return construct()
}

var (
	amqpBodies = map[uint64]func() Performative{
		0x10: func() Performative { return new(Open) },
		0x11: func() Performative { return new(Begin) },
		0x12: func() Performative { return new(Attach) },
		0x13: func() Performative { return new(Flow) },
		0x14: func() Performative { return new(Transfer) },
		0x15: func() Performative { return new(Disposition) },
		0x16: func() Performative { return new(Detach) },
		0x17: func() Performative { return new(End) },
		0x18: func() Performative { return new(Close) },
	}
	saslBodies = map[uint64]func() Performative{
		0x40: func() Performative { return new(SASLMechanisms) },
		0x41: func() Performative { return new(SASLInit) },
		0x42: func() Performative { return new(SASLChallenge) },
		0x43: func() Performative { return new(SASLResponse) },
		0x44: func() Performative { return new(SASLOutcome) },
	}
	symbolicBodies = symbolic(amqpBodies, saslBodies)
)

func symbolic(tables ...map[uint64]func() Performative) map[Symbol]uint64 {
	names := make(map[Symbol]uint64)
	for _, table := range tables {
		for code, construct := range table {
			names[Symbol("amqp:"+construct().descriptor().name+":list")] = code
		}
	}
	return names
}

// AppendFrame appends the encoding of f to b. It does not know the peer's
// largest frame; keeping payloads within it is the caller's part.
func AppendFrame(b []byte, f Frame) ([]byte, error) {
	start := len(b)
	b = append(b, 0, 0, 0, 0, frameHeaderSize/4, frameTypeAMQP, 0, 0)
	binary.BigEndian.PutUint16(b[start+6:], f.Channel)
	if f.SASL {
		b[start+5] = frameTypeSASL
	}
	if f.Body != nil {
		var err error
		if b, err = Append(b, describe(f.Body)); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Body.descriptor().name, err)
		}
	}
	b = append(b, f.Payload...)
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b, nil
}
