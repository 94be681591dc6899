package mqttwire

import (
	"encoding/binary"
	"errors"
)

// decode fills p from the bytes that follow the fixed header.
func decode(p Packet, b []byte) error {
	d := &decoder{b: b}
	p.decode(d)
	switch {
	case d.err != nil:
		return d.err
	case len(d.b) > 0:
		return malformed("%d bytes after the end of the packet", len(d.b))
	}
	return p.check()
}

// decoder takes fields off the front of b, until the first one that fails.
type decoder struct {
	b   []byte
	err error
}

var errShort = errors.New("the packet ends in a field")

func (d *decoder) take(n int) []byte {
	if d.err != nil || n > len(d.b) {
		d.fail(malformed("%w", errShort))
		return nil
	}
	taken := d.b[:n:n]
	d.b = d.b[n:]
	return taken
}

// fail keeps the first error. Nothing is left to be taken.
func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.b = nil
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint16() uint16 {
	if b := d.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// bytes takes a field with its length in front. It is not nil if it is there.
func (d *decoder) bytes() []byte { return d.take(int(d.uint16())) }

func (d *decoder) text() string { return string(d.bytes()) }

// rest takes all that is left.
func (d *decoder) rest() []byte { return d.take(len(d.b)) }

// more reports whether there are more fields.
func (d *decoder) more() bool { return len(d.b) > 0 }

// The flags of a Connect (§3.1.2.3).
const (
	connectReserved = 1 << iota
	connectClean
	connectWill
	_ // two bits: QoS of the will
	_
	connectWillRetain
	connectPassword
	connectUsername

	connectWillQoSShift = 3
)

// The protocol (§3.1.2.1 and §3.1.2.2).
const (
	protocolName  = "MQTT"
	protocolLevel = 4
)

func (p *Connect) decode(d *decoder) {
	protocol, level := d.text(), d.byte()
	if d.err == nil && (protocol != protocolName || level != protocolLevel) {
		d.fail(VersionError{protocol, level})
	}
	flags := d.byte()
	if flags&connectReserved != 0 { // §3.1.2.3
		d.fail(malformed("the reserved flag of a CONNECT is set"))
	}
	p.CleanSession = flags&connectClean != 0
	p.KeepAlive = d.uint16()
	p.ClientID = d.text()
	qos, retain := QoS(flags>>connectWillQoSShift&3), flags&connectWillRetain != 0
	switch {
	case flags&connectWill != 0:
		p.Will = &Will{Topic: d.text(), Payload: d.bytes(), QoS: qos, Retain: retain}
	case qos != 0 || retain: // §3.1.2.6 and §3.1.2.7
		d.fail(malformed("QoS or retain of a will without a will"))
	}
	if flags&connectUsername != 0 {
		p.Username = new(d.text())
	}
	if flags&connectPassword != 0 {
		p.Password = d.bytes()
	}
}

func (p *ConnAck) decode(d *decoder) {
	flags := d.byte()
	if flags > 1 { // §3.2.2.1
		d.fail(malformed("flags %#x in a CONNACK", flags))
	}
	p.SessionPresent = flags == 1
	p.Code = ConnectCode(d.byte())
}

func (p *Publish) decode(d *decoder) {
	p.Topic = d.text()
	if p.QoS != AtMostOnce {
		p.ID = d.uint16()
	}
	p.Payload = d.rest()
}

func (p *Subscribe) decode(d *decoder) {
	p.ID = d.uint16()
	for d.more() {
		p.Filters = append(p.Filters, Filter{d.text(), QoS(d.byte())})
	}
}

func (p *SubAck) decode(d *decoder) {
	p.ID = d.uint16()
	for _, code := range d.rest() {
		p.Granted = append(p.Granted, QoS(code))
	}
}

func (p *Unsubscribe) decode(d *decoder) {
	p.ID = d.uint16()
	for d.more() {
		p.Topics = append(p.Topics, d.text())
	}
}

func (p *PubAck) decode(d *decoder)   { p.ID = d.uint16() }
func (p *UnsubAck) decode(d *decoder) { p.ID = d.uint16() }
func (*PingReq) decode(*decoder)      {}
func (*PingResp) decode(*decoder)     {}
func (*Disconnect) decode(*decoder)   {}
