package broker

// EventKind is what happened.
type EventKind string

// The kinds of events, and what Detail says about each.
const (
	EventEnqueued  EventKind = "enqueued"  // the hub answers for the message from here on
	EventRefused   EventKind = "refused"   // a back end's message. Detail: the error condition
	EventDelivered EventKind = "delivered" // handed to a device's link, locked
	EventReturned  EventKind = "returned"  // ready again. Detail: abandoned, released or lock lost
	EventFinished  EventKind = "finished"  // Detail: the final status, as in feedback
	EventToken     EventKind = "token"     // a put-token request, or a CONNECT. Detail: the status, such as 200
	EventAttached  EventKind = "attached"  // a link, or a subscription. Detail: its address
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

// Tell tells the observer of an event, and the log of how messages end.
func (b *Broker) Tell(e Event) {
	if b.options.Observer != nil {
		b.options.Observer(e)
	}
	if e.Kind == EventFinished {
		b.log.Debug("message finished", "device", e.Device, "id", e.MessageID, "status", e.Detail)
	}
}
