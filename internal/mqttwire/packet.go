package mqttwire

// Packet is an MQTT control packet: *[Connect], *[ConnAck], *[Publish],
// *[PubAck], *[Subscribe], *[SubAck], *[Unsubscribe], *[UnsubAck], *[PingReq],
// *[PingResp] or *[Disconnect].
type Packet interface {
	// first returns the first byte: the type, and the flags.
	first() byte
	// check returns which rule the fields break.
	check() error
	append(b []byte) []byte
	decode(d *decoder)
}

// QoS is how often a message arrives (§4.3).
type QoS byte

// The levels of service, and what a SUBACK answers in place of one (§3.9.3).
const (
	AtMostOnce  QoS = 0
	AtLeastOnce QoS = 1
	ExactlyOnce QoS = 2
	Refused     QoS = 0x80
)

// Connect is the client's first packet (§3.1). Only those of MQTT 3.1.1 decode;
// for others see [VersionError].
type Connect struct {
	ClientID     string
	CleanSession bool
	KeepAlive    uint16   // seconds; 0: no limit
	Will         *Will    // nil: none
	Username     *string  // nil: none
	Password     Password // nil: none
}

// Will is the message that the server is to publish when the connection breaks.
type Will struct {
	Topic   string
	Payload []byte
	QoS     QoS
	Retain  bool
}

// ConnAck is the answer to a Connect (§3.2).
type ConnAck struct {
	SessionPresent bool
	Code           ConnectCode
}

// ConnectCode says whether a client may come in, and why not.
type ConnectCode byte

// The codes (§3.2.2.3).
const (
	Accepted      ConnectCode = iota
	BadVersion                // of the protocol
	BadClientID               // well-formed, but not allowed
	Unavailable               // the server, for the moment
	BadUsername               // or password: malformed
	NotAuthorized             // the two do not permit it
)

// Publish is a message, in either direction (§3.3).
type Publish struct {
	Dup     bool // it may have been sent before
	QoS     QoS
	Retain  bool
	Topic   string
	ID      uint16 // of the packet; 0 with QoS 0, and only then
	Payload []byte
}

// PubAck acknowledges a Publish of QoS 1 (§3.4).
type PubAck struct{ ID uint16 }

// Subscribe asks for messages (§3.8).
type Subscribe struct {
	ID      uint16
	Filters []Filter
}

// Filter is a pattern of topics, and the highest QoS that is wanted.
type Filter struct {
	Topic string
	QoS   QoS
}

// SubAck answers a Subscribe, filter by filter: the QoS granted, or [Refused]
// (§3.9).
type SubAck struct {
	ID      uint16
	Granted []QoS
}

// Unsubscribe takes filters back (§3.10).
type Unsubscribe struct {
	ID     uint16
	Topics []string
}

// UnsubAck answers an Unsubscribe (§3.11).
type UnsubAck struct{ ID uint16 }

// PingReq asks for a sign of life (§3.12).
type PingReq struct{}

// PingResp is the sign of life (§3.13).
type PingResp struct{}

// Disconnect is the client's goodbye (§3.14).
type Disconnect struct{}

// The types of packets, in the upper half of the first byte (§2.2.1).
const (
	typeConnect     = 1
	typeConnAck     = 2
	typePublish     = 3
	typePubAck      = 4
	typeSubscribe   = 8
	typeSubAck      = 9
	typeUnsubscribe = 10
	typeUnsubAck    = 11
	typePingReq     = 12
	typePingResp    = 13
	typeDisconnect  = 14
)

// The lower half holds flags in a Publish. In all others it is fixed (§2.2.2).
const (
	flagRetain   = 1
	flagQoS      = 3 << 1
	flagDup      = 1 << 3
	flagReserved = 1 << 1 // set in Subscribe and Unsubscribe
)

func (*Connect) first() byte     { return typeConnect << 4 }
func (*ConnAck) first() byte     { return typeConnAck << 4 }
func (*PubAck) first() byte      { return typePubAck << 4 }
func (*Subscribe) first() byte   { return typeSubscribe<<4 | flagReserved }
func (*SubAck) first() byte      { return typeSubAck << 4 }
func (*Unsubscribe) first() byte { return typeUnsubscribe<<4 | flagReserved }
func (*UnsubAck) first() byte    { return typeUnsubAck << 4 }
func (*PingReq) first() byte     { return typePingReq << 4 }
func (*PingResp) first() byte    { return typePingResp << 4 }
func (*Disconnect) first() byte  { return typeDisconnect << 4 }

func (p *Publish) first() byte {
	return typePublish<<4 | bit(p.Dup, flagDup) | byte(p.QoS)<<1 | bit(p.Retain, flagRetain)
}

func bit(set bool, value byte) byte {
	if set {
		return value
	}
	return 0
}

// newPacket returns an empty packet for the first byte, nil if there is none of
// that type.
func newPacket(first byte) Packet {
	switch first >> 4 {
	case typeConnect:
		return new(Connect)
	case typeConnAck:
		return new(ConnAck)
	case typePublish:
		return &Publish{Dup: first&flagDup != 0, QoS: QoS(first & flagQoS >> 1), Retain: first&flagRetain != 0}
	case typePubAck:
		return new(PubAck)
	case typeSubscribe:
		return new(Subscribe)
	case typeSubAck:
		return new(SubAck)
	case typeUnsubscribe:
		return new(Unsubscribe)
	case typeUnsubAck:
		return new(UnsubAck)
	case typePingReq:
		return new(PingReq)
	case typePingResp:
		return new(PingResp)
	case typeDisconnect:
		return new(Disconnect)
	}
	return nil
}
