package broker

import "time"

// Message is a message to a device, or of feedback to the back ends, as every
// door understands it. It does not change once it is in a queue.
type Message struct {
	ID              string // as feedback spells it; it may be missing
	CorrelationID   string
	To              string
	UserID          []byte
	ContentType     string
	ContentEncoding string
	Ack             Ack
	Expiry          time.Time  // zero: the queue's own time to live counts
	Properties      []Property // the sender's, in its order, without iothub-ack
	Body            []byte
	// Size is about how many bytes the message takes in memory, all in all.
	Size int
	// Origin is what the door that took the message keeps of it. Nobody else looks
	// inside.
	Origin any
}

// Property is a property that the sender has added, as text.
type Property struct {
	Name, Value string
	Null        bool // there is a name and no value, not even an empty one
}

// Ack says of which outcomes the sender of a message wants to hear: its
// iothub-ack.
type Ack string

// The values of iothub-ack. An empty one means none.
const (
	AckNone     Ack = "none"
	AckPositive Ack = "positive"
	AckNegative Ack = "negative"
	AckFull     Ack = "full"
)

// wants reports whether s is to be reported.
func (a Ack) wants(s Status) bool {
	switch a {
	case AckFull:
		return true
	case AckPositive:
		return s == StatusSuccess
	case AckNegative:
		return s != StatusSuccess
	}
	return false
}

// Status is the final state of a message, spelled as in delivery feedback.
type Status string

// The final states.
const (
	StatusSuccess               Status = "Success"
	StatusExpired               Status = "Expired"
	StatusDeliveryCountExceeded Status = "DeliveryCountExceeded"
	StatusRejected              Status = "Rejected"
	StatusPurged                Status = "Purged"

	statusDropped Status = "Dropped" // of feedback only, which is not reported
)
