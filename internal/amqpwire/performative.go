package amqpwire

// Performative is the body of a frame: one of the nine of part 2 §2.7, or a
// SASL body of part 5 §5.3.3.
type Performative interface{ composite }

// Roles of a link endpoint, as sent in attach and disposition.
const (
	RoleSender   = false
	RoleReceiver = true
)

// Settlement modes of a link (part 2 §2.8.2 and §2.8.3).
const (
	SenderUnsettled uint8 = 0
	SenderSettled   uint8 = 1
	SenderMixed     uint8 = 2

	ReceiverFirst  uint8 = 0
	ReceiverSecond uint8 = 1
)

// Open negotiates the parameters of a connection (part 2 §2.7.1).
type Open struct {
	ContainerID         string
	Hostname            string
	MaxFrameSize        *uint32 // bytes; nil: 4294967295
	ChannelMax          *uint16 // nil: 65535
	IdleTimeOut         *uint32 // milliseconds; nil: none
	OutgoingLocales     []Symbol
	IncomingLocales     []Symbol
	OfferedCapabilities []Symbol
	DesiredCapabilities []Symbol
	Properties          Map
}

func (*Open) descriptor() descriptor { return descriptor{0x10, "open"} }

func (o *Open) fields() []field {
	return []field{
		{"container-id", &o.ContainerID, mandatory},
		{"hostname", &o.Hostname, optional},
		{"max-frame-size", &o.MaxFrameSize, optional},
		{"channel-max", &o.ChannelMax, optional},
		{"idle-time-out", &o.IdleTimeOut, optional},
		{"outgoing-locales", &o.OutgoingLocales, optional},
		{"incoming-locales", &o.IncomingLocales, optional},
		{"offered-capabilities", &o.OfferedCapabilities, optional},
		{"desired-capabilities", &o.DesiredCapabilities, optional},
		{"properties", &o.Properties, optional},
	}
}

// Begin begins a session on a channel (part 2 §2.7.2).
type Begin struct {
	RemoteChannel       *uint16 // nil in the request, the peer's channel in the reply
	NextOutgoingID      uint32
	IncomingWindow      uint32 // transfers
	OutgoingWindow      uint32 // transfers
	HandleMax           *uint32
	OfferedCapabilities []Symbol
	DesiredCapabilities []Symbol
	Properties          Map
}

func (*Begin) descriptor() descriptor { return descriptor{0x11, "begin"} }

func (b *Begin) fields() []field {
	return []field{
		{"remote-channel", &b.RemoteChannel, optional},
		{"next-outgoing-id", &b.NextOutgoingID, mandatory},
		{"incoming-window", &b.IncomingWindow, mandatory},
		{"outgoing-window", &b.OutgoingWindow, mandatory},
		{"handle-max", &b.HandleMax, optional},
		{"offered-capabilities", &b.OfferedCapabilities, optional},
		{"desired-capabilities", &b.DesiredCapabilities, optional},
		{"properties", &b.Properties, optional},
	}
}

// Attach attaches a link to a session (part 2 §2.7.3).
type Attach struct {
	Name                 string
	Handle               uint32
	Role                 bool
	SndSettleMode        *uint8
	RcvSettleMode        *uint8
	Source               *Source
	Target               *Target
	Unsettled            Map
	IncompleteUnsettled  bool
	InitialDeliveryCount *uint32 // set by a sender
	MaxMessageSize       *uint64 // bytes; nil or 0: no limit
	OfferedCapabilities  []Symbol
	DesiredCapabilities  []Symbol
	Properties           Map
}

func (*Attach) descriptor() descriptor { return descriptor{0x12, "attach"} }

func (a *Attach) fields() []field {
	return []field{
		{"name", &a.Name, mandatory},
		{"handle", &a.Handle, mandatory},
		{"role", &a.Role, mandatory},
		{"snd-settle-mode", &a.SndSettleMode, optional},
		{"rcv-settle-mode", &a.RcvSettleMode, optional},
		{"source", &a.Source, optional},
		{"target", &a.Target, optional},
		{"unsettled", &a.Unsettled, optional},
		{"incomplete-unsettled", &a.IncompleteUnsettled, optional},
		{"initial-delivery-count", &a.InitialDeliveryCount, optional},
		{"max-message-size", &a.MaxMessageSize, optional},
		{"offered-capabilities", &a.OfferedCapabilities, optional},
		{"desired-capabilities", &a.DesiredCapabilities, optional},
		{"properties", &a.Properties, optional},
	}
}

// Flow updates the windows of a session and the credit of a link (part 2
// §2.7.4).
type Flow struct {
	NextIncomingID *uint32 // mandatory once the peer's begin has arrived
	IncomingWindow uint32
	NextOutgoingID uint32
	OutgoingWindow uint32
	Handle         *uint32 // nil: about the session only
	DeliveryCount  *uint32
	LinkCredit     *uint32
	Available      *uint32
	Drain          bool
	Echo           bool
	Properties     Map
}

func (*Flow) descriptor() descriptor { return descriptor{0x13, "flow"} }

func (f *Flow) fields() []field {
	return []field{
		{"next-incoming-id", &f.NextIncomingID, optional},
		{"incoming-window", &f.IncomingWindow, mandatory},
		{"next-outgoing-id", &f.NextOutgoingID, mandatory},
		{"outgoing-window", &f.OutgoingWindow, mandatory},
		{"handle", &f.Handle, optional},
		{"delivery-count", &f.DeliveryCount, optional},
		{"link-credit", &f.LinkCredit, optional},
		{"available", &f.Available, optional},
		{"drain", &f.Drain, optional},
		{"echo", &f.Echo, optional},
		{"properties", &f.Properties, optional},
	}
}

// Transfer carries a message or a part of one; the bytes are the payload of
// its frame (part 2 §2.7.5).
type Transfer struct {
	Handle        uint32
	DeliveryID    *uint32 // mandatory on the first transfer of a delivery
	DeliveryTag   []byte  // likewise; 32 bytes at most
	MessageFormat *uint32
	Settled       bool
	More          bool
	RcvSettleMode *uint8
	State         DeliveryState
	Resume        bool
	Aborted       bool
	Batchable     bool
}

func (*Transfer) descriptor() descriptor { return descriptor{0x14, "transfer"} }

func (t *Transfer) fields() []field {
	return []field{
		{"handle", &t.Handle, mandatory},
		{"delivery-id", &t.DeliveryID, optional},
		{"delivery-tag", &t.DeliveryTag, optional},
		{"message-format", &t.MessageFormat, optional},
		{"settled", &t.Settled, optional},
		{"more", &t.More, optional},
		{"rcv-settle-mode", &t.RcvSettleMode, optional},
		{"state", &t.State, optional},
		{"resume", &t.Resume, optional},
		{"aborted", &t.Aborted, optional},
		{"batchable", &t.Batchable, optional},
	}
}

// Disposition tells the state of deliveries first to last (part 2 §2.7.6).
type Disposition struct {
	Role      bool
	First     uint32
	Last      *uint32 // nil: the same as First
	Settled   bool
	State     DeliveryState
	Batchable bool
}

func (*Disposition) descriptor() descriptor { return descriptor{0x15, "disposition"} }

func (d *Disposition) fields() []field {
	return []field{
		{"role", &d.Role, mandatory},
		{"first", &d.First, mandatory},
		{"last", &d.Last, optional},
		{"settled", &d.Settled, optional},
		{"state", &d.State, optional},
		{"batchable", &d.Batchable, optional},
	}
}

// Detach detaches a link from its session, and ends it if Closed (part 2
// §2.7.7).
type Detach struct {
	Handle uint32
	Closed bool
	Error  *Error
}

func (*Detach) descriptor() descriptor { return descriptor{0x16, "detach"} }

func (d *Detach) fields() []field {
	return []field{
		{"handle", &d.Handle, mandatory},
		{"closed", &d.Closed, optional},
		{"error", &d.Error, optional},
	}
}

// End ends a session (part 2 §2.7.8).
type End struct{ Error *Error }

func (*End) descriptor() descriptor { return descriptor{0x17, "end"} }

func (e *End) fields() []field { return []field{{"error", &e.Error, optional}} }

// Close closes a connection (part 2 §2.7.9).
type Close struct{ Error *Error }

func (*Close) descriptor() descriptor { return descriptor{0x18, "close"} }

func (c *Close) fields() []field { return []field{{"error", &c.Error, optional}} }
