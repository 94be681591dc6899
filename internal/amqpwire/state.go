package amqpwire

import "fmt"

// DeliveryState is what one side says of a delivery (part 3 §3.4): one of
// *Received, *Accepted, *Rejected, *Released and *Modified.
type DeliveryState interface {
	composite
	state()
}

// Received tells how much of a delivery has arrived (part 3 §3.4.1). It is the
// one state that is not an outcome.
type Received struct {
	SectionNumber uint32
	SectionOffset uint64
}

// Accepted says that the message was processed (part 3 §3.4.2).
type Accepted struct{}

// Rejected says that the message is invalid (part 3 §3.4.3).
type Rejected struct{ Error *Error }

// Released returns a message that was not processed (part 3 §3.4.4).
type Released struct{}

// Modified returns a message with changes to its annotations (part 3 §3.4.5).
type Modified struct {
	DeliveryFailed     bool
	UndeliverableHere  bool
	MessageAnnotations Map
}

func (*Received) state() {}
func (*Accepted) state() {}
func (*Rejected) state() {}
func (*Released) state() {}
func (*Modified) state() {}

func (*Received) descriptor() descriptor { return descriptor{0x23, "received"} }
func (*Accepted) descriptor() descriptor { return descriptor{0x24, "accepted"} }
func (*Rejected) descriptor() descriptor { return descriptor{0x25, "rejected"} }
func (*Released) descriptor() descriptor { return descriptor{0x26, "released"} }
func (*Modified) descriptor() descriptor { return descriptor{0x27, "modified"} }

func (r *Received) fields() []field {
	return []field{
		{"section-number", &r.SectionNumber, mandatory},
		{"section-offset", &r.SectionOffset, mandatory},
	}
}

func (*Accepted) fields() []field   { return nil }
func (r *Rejected) fields() []field { return []field{{"error", &r.Error, optional}} }
func (*Released) fields() []field   { return nil }

func (m *Modified) fields() []field {
	return []field{
		{"delivery-failed", &m.DeliveryFailed, optional},
		{"undeliverable-here", &m.UndeliverableHere, optional},
		{"message-annotations", &m.MessageAnnotations, optional},
	}
}

func storeState(p *DeliveryState, v any) error {
	d, _ := v.(Described)
	for _, s := range []DeliveryState{&Received{}, &Accepted{}, &Rejected{}, &Released{}, &Modified{}} {
		if s.descriptor().matches(d.Descriptor) {
			*p = s
			return fillDescribed(s, v)
		}
	}
	return malformed("unknown delivery state %v", d.Descriptor)
}

// Error says why a link, session, connection or delivery failed (part 2
// §2.8.14).
type Error struct {
	Condition   Symbol
	Description string
	Info        Map
}

func (*Error) descriptor() descriptor { return descriptor{0x1d, "error"} }

func (e *Error) fields() []field {
	return []field{
		{"condition", &e.Condition, mandatory},
		{"description", &e.Description, optional},
		{"info", &e.Info, optional},
	}
}

// Error makes the peer's error usable as a Go error.
func (e *Error) Error() string {
	if e.Description == "" {
		return string(e.Condition)
	}
	return fmt.Sprintf("%s: %s", e.Condition, e.Description)
}
