package broker

import "regexp"

// EventKind is what happened.
type EventKind string

// The kinds of events, and what Detail says about each.
const (
	EventConnected    EventKind = "connected"    // a device or module, over what Over says
	EventDisconnected EventKind = "disconnected" // likewise. Detail: why, if the hub has done it
	EventEnqueued     EventKind = "enqueued"     // the hub answers for the message from here on
	EventRefused      EventKind = "refused"      // a back end's message. Detail: the error condition
	EventDelivered    EventKind = "delivered"    // handed to a device, locked
	EventReturned     EventKind = "returned"     // ready again. Detail: abandoned, released or lock lost
	EventFinished     EventKind = "finished"     // Detail: the final status, as in feedback
	EventToken        EventKind = "token"        // a put-token request, or a CONNECT. Detail: the status, such as 200
	EventAttached     EventKind = "attached"     // a link, or a subscription. Detail: its address
	EventFault        EventKind = "fault"        // done wrong on purpose. Detail: the fault

	// Of feedback. The first is about one record, and names the message that has
	// ended; the others are about a feedback message, which holds some of them.

	EventFeedbackSent     EventKind = "feedbackSent"     // Detail: the status
	EventFeedbackTaken    EventKind = "feedbackTaken"    // by a back end, locked. Detail: how many records
	EventFeedbackReturned EventKind = "feedbackReturned" // Detail: as of EventReturned
	EventFeedbackFinished EventKind = "feedbackFinished" // Detail: as of EventFinished, or Dropped
)

// Why a message is ready again.
const (
	whyAbandoned = "abandoned"
	whyReleased  = "released"
	whyLockLost  = "lock lost"
)

// Event is something that happened to a message, or to a connection. It holds no
// body, no property and no secret, and no long text: see [Broker.Tell].
//
// The events of one message are told in the order in which they happened. For each
// delivery there is in the end one EventReturned or EventFinished of the same
// device and sequence number, unless the device still holds the message.
type Event struct {
	Kind      EventKind
	Device    string // id, or device/module, registered or not; empty if none is concerned
	MessageID string // as in feedback
	Sequence  uint64 // of the message in its queue; 0 where it is not known
	Detail    string
	Over      Connection // of EventConnected and EventDisconnected
}

// words are what users call the ends of deliveries, by the detail of the event.
var words = map[string]string{
	whyAbandoned:                        "abandoned",
	whyReleased:                         "released",
	whyLockLost:                         "lockLost",
	string(StatusSuccess):               "completed",
	string(StatusRejected):              "rejected",
	string(StatusExpired):               "expired",
	string(StatusDeliveryCountExceeded): "deadLettered",
	string(StatusPurged):                "purged",
}

// Name returns what users call the event: its kind or, if a delivery or a message
// has ended, how: abandoned, released, lockLost, completed, rejected, expired,
// deadLettered or purged.
func (e Event) Name() string {
	if e.Kind == EventReturned || e.Kind == EventFinished {
		return words[e.Detail]
	}
	return string(e.Kind)
}

// secretStart is where a secret begins in an id that a client claims: people have
// taken a connection string for one.
var secretStart = regexp.MustCompile(`(?is)\b(sharedaccess(?:key|signature)\s*=|sig=).*`)

// brief returns the event as it may be kept and shown: what strangers claim may have
// any length.
func (e Event) brief() Event {
	if e.Kind == EventToken || e.Kind == EventRefused {
		e.Device = secretStart.ReplaceAllString(e.Device, "${1}REDACTED")
		e.MessageID = secretStart.ReplaceAllString(e.MessageID, "${1}REDACTED")
	}
	e.Device, e.MessageID, e.Detail = Brief(e.Device), Brief(e.MessageID), Brief(e.Detail)
	return e
}

// Tell tells the observer and the subscribers of an event, in brief. It waits for
// nobody.
func (b *Broker) Tell(e Event) {
	e = e.brief()
	if b.options.Observer != nil {
		b.options.Observer(e)
	}
	if all := b.subscribers.Load(); all != nil {
		for _, s := range *all {
			s.put(&e)
		}
	}
}

// watched reports whether anybody hears of events.
func (b *Broker) watched() bool { return b.options.Observer != nil || b.subscribers.Load() != nil }
