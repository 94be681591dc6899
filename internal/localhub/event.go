package localhub

import (
	"slices"

	"iothub-c2d/internal/amqpwire"
)

// EventKind is what happened.
type EventKind string

// The kinds of events, and what Detail says about each.
const (
	EventEnqueued  EventKind = "enqueued"  // the hub answers for the message from here on
	EventRefused   EventKind = "refused"   // a back end's message. Detail: the error condition
	EventDelivered EventKind = "delivered" // handed to a device's link, locked
	EventReturned  EventKind = "returned"  // ready again. Detail: abandoned, released or lock lost
	EventFinished  EventKind = "finished"  // Detail: the final status, as in feedback
	EventToken     EventKind = "token"     // a put-token request. Detail: the status, such as 200
	EventAttached  EventKind = "attached"  // a link. Detail: its address
	EventFault     EventKind = "fault"     // done wrong on purpose. Detail: the fault
)

// Event is something that happened to a message, or to a connection. For each
// delivery there is in the end one EventReturned or EventFinished of the same
// device and sequence number, unless the device still holds the message.
type Event struct {
	Kind      EventKind
	Device    string // id, or device/module, registered or not; empty if none is concerned
	MessageID string // as in feedback
	Sequence  uint64 // of the message in the device's queue; 0 where it is not known
	Detail    string
}

// tell tells the observer, if there is one.
func (h *Hub) tell(e Event) {
	if h.options.Observer != nil {
		h.options.Observer(e)
	}
}

// tellOf tells the observer of a message of m's queue.
func (h *Hub) tellOf(m *mailbox, e *entry, kind EventKind, detail string) {
	h.tell(Event{kind, m.id.String(), messageID(e.message), e.sequence, detail})
}

// tellTaken tells the observer what became of a message that a back end sent.
func (h *Hub) tellTaken(to identity, m *amqpwire.Message, refused *amqpwire.Error) {
	e := Event{Kind: EventEnqueued, Device: to.String(), MessageID: messageID(m)}
	if refused != nil {
		e.Kind, e.Detail = EventRefused, string(refused.Condition)
	}
	h.tell(e)
}

// Pending returns the ids of the messages in a device's queue, those in the
// device's hands included, in the order of their sequence numbers.
func (h *Hub) Pending(device string) []string {
	h.mu.Lock()
	box := h.mailboxes[identity{device: device}]
	h.mu.Unlock()
	if box == nil {
		return nil
	}
	return box().queue.messageIDs()
}

func (q *queue) messageIDs() (ids []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	entries := slices.Clone(q.ready)
	for _, e := range q.locked {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, bySequence)
	for _, e := range entries {
		ids = append(ids, messageID(e.message))
	}
	return ids
}
