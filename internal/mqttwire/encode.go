package mqttwire

import "encoding/binary"

// Append appends a packet. It fails, with [ErrMalformed], for a packet that Read
// would not take.
func Append(b []byte, p Packet) ([]byte, error) {
	if err := p.check(); err != nil {
		return b, err
	}
	// How many bytes the length takes is known when the packet is written.
	const room = 5
	start := len(b)
	b = p.append(append(b, make([]byte, room)...))
	n := len(b) - start - room
	if n > maxLength {
		return b[:start], malformed("%d bytes", n)
	}
	header := appendLength([]byte{p.first()}, n)
	copy(b[start:], header)
	copy(b[start+len(header):], b[start+room:])
	return b[:start+len(header)+n], nil
}

// appendLength appends the remaining length (§2.2.3).
func appendLength(b []byte, n int) []byte {
	for n > 0x7f {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

func appendUint16(b []byte, n uint16) []byte { return binary.BigEndian.AppendUint16(b, n) }

// appendField appends a field with its length in front.
func appendField[T ~string | ~[]byte](b []byte, s T) []byte {
	return append(appendUint16(b, uint16(len(s))), s...)
}

func (p *Connect) append(b []byte) []byte {
	b = append(appendField(b, protocolName), protocolLevel, p.flags())
	b = appendField(appendUint16(b, p.KeepAlive), p.ClientID)
	if p.Will != nil {
		b = appendField(appendField(b, p.Will.Topic), p.Will.Payload)
	}
	if p.Username != nil {
		b = appendField(b, *p.Username)
	}
	if p.Password != nil {
		b = appendField(b, p.Password)
	}
	return b
}

func (p *Connect) flags() byte {
	flags := bit(p.CleanSession, connectClean) | bit(p.Username != nil, connectUsername) | bit(p.Password != nil, connectPassword)
	if w := p.Will; w != nil {
		flags |= connectWill | byte(w.QoS)<<connectWillQoSShift | bit(w.Retain, connectWillRetain)
	}
	return flags
}

func (p *ConnAck) append(b []byte) []byte {
	return append(b, bit(p.SessionPresent, 1), byte(p.Code))
}

func (p *Publish) append(b []byte) []byte {
	b = appendField(b, p.Topic)
	if p.QoS != AtMostOnce {
		b = appendUint16(b, p.ID)
	}
	return append(b, p.Payload...)
}

func (p *Subscribe) append(b []byte) []byte {
	b = appendUint16(b, p.ID)
	for _, f := range p.Filters {
		b = append(appendField(b, f.Topic), byte(f.QoS))
	}
	return b
}

func (p *SubAck) append(b []byte) []byte {
	b = appendUint16(b, p.ID)
	for _, q := range p.Granted {
		b = append(b, byte(q))
	}
	return b
}

func (p *Unsubscribe) append(b []byte) []byte {
	b = appendUint16(b, p.ID)
	for _, topic := range p.Topics {
		b = appendField(b, topic)
	}
	return b
}

func (p *PubAck) append(b []byte) []byte   { return appendUint16(b, p.ID) }
func (p *UnsubAck) append(b []byte) []byte { return appendUint16(b, p.ID) }
func (*PingReq) append(b []byte) []byte    { return b }
func (*PingResp) append(b []byte) []byte   { return b }
func (*Disconnect) append(b []byte) []byte { return b }
