package mqttwire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Errors of [Read]. What [Append] refuses is malformed too.
var (
	ErrMalformed = errors.New("malformed packet")
	ErrTooLong   = errors.New("packet too long")
)

// VersionError says that a Connect is for another protocol than MQTT 3.1.1, or
// another version of it. The rest of the packet may be anything.
type VersionError struct {
	Protocol string // MQTT; MQIsdp before 3.1.1
	Level    byte   // 3 for 3.1, 4 for 3.1.1, 5 for 5.0
}

// Error names protocol and level.
func (e VersionError) Error() string {
	return fmt.Sprintf("protocol %.16q level %d is not MQTT 3.1.1", e.Protocol, e.Level)
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrMalformed, fmt.Errorf(format, args...))
}

// Header is the fixed header of a packet (§2.2): what must be known before memory
// is spent on the rest.
type Header struct {
	Length int // of the rest, in bytes
	packet Packet
}

// IsPublish reports whether the packet holds a message.
func (h Header) IsPublish() bool {
	_, ok := h.packet.(*Publish)
	return ok
}

// ReadHeader reads the fixed header of a packet. The error is [io.EOF] between
// packets, and [io.ErrUnexpectedEOF] within one.
func ReadHeader(r *bufio.Reader) (h Header, err error) {
	first, err := r.ReadByte()
	if err != nil {
		return h, err
	}
	h.packet = newPacket(first)
	switch {
	case h.packet == nil:
		return h, malformed("there is no use for packets of type %d", first>>4)
	case h.packet.first() != first:
		return h, malformed("flags %#x in a packet of type %d", first&0xf, first>>4)
	}
	h.Length, err = readLength(r)
	return h, err
}

// Read reads the rest of the packet, once. The packet keeps nothing of r's buffer.
func (h Header) Read(r *bufio.Reader) (Packet, error) {
	b := make([]byte, h.Length)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, midway(err)
	}
	if err := decode(h.packet, b); err != nil {
		return nil, err
	}
	return h.packet, nil
}

// Read reads one packet. limit is how many bytes may follow the fixed header; a
// longer packet is [ErrTooLong]. Other errors are those of [ReadHeader].
func Read(r *bufio.Reader, limit int) (Packet, error) {
	h, err := ReadHeader(r)
	switch {
	case err != nil:
		return nil, err
	case h.Length > limit:
		return nil, TooLong(h.Length, limit)
	}
	return h.Read(r)
}

// TooLong returns an [ErrTooLong] that says how long a packet is, and how long it
// may be, in bytes.
func TooLong(n, limit int) error {
	return fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLong, n, limit)
}

// ReadConnect reads the first packet of a connection, which must be a Connect
// (§3.1). Of another it reads nothing.
func ReadConnect(r *bufio.Reader, limit int) (*Connect, error) {
	first, err := r.Peek(1)
	if err != nil {
		return nil, err
	}
	if first[0]>>4 != typeConnect {
		return nil, malformed("the first packet is not a CONNECT")
	}
	p, err := Read(r, limit)
	connect, _ := p.(*Connect)
	return connect, err
}

// midway is an error within a packet.
func midway(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// maxLength is the greatest remaining length: four bytes of seven bits (§2.2.3).
const maxLength = 1<<28 - 1

// readLength reads the remaining length (§2.2.3), as short as it can be written.
func readLength(r io.ByteReader) (n int, err error) {
	for shift := 0; shift < 28; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, midway(err)
		}
		n |= int(b&0x7f) << shift
		if b&0x80 == 0 {
			if b == 0 && shift > 0 {
				return 0, malformed("a remaining length that is longer than need be")
			}
			return n, nil
		}
	}
	return 0, malformed("a remaining length of more than four bytes")
}
