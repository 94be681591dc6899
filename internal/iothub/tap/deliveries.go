package tap

import (
	"cmp"
	"slices"

	"iothub-c2d/internal/amqpwire"
)

// deliveries are those of a session that wait for the hub's word.
//
// go-amqp goes through all ids of a disposition's range, whether it knows them or
// not: a range of 0 to 2^32-1 keeps a core busy for ever. So go-amqp gets a
// disposition for each delivery that waits for one, and no other.
//
// In the answer to a settlement, go-amqp looks for an error and for nothing else.
// So an outcome other than the one that was asked for becomes an error: see
// [OtherOutcome].
type deliveries struct {
	sends       map[uint32]bool // messages that were sent, by our delivery-id
	settlements map[uint32]byte // the outcome that was asked for, by the hub's delivery-id
}

func newDeliveries() deliveries {
	return deliveries{sends: make(map[uint32]bool), settlements: make(map[uint32]byte)}
}

// sent takes note of a transfer, of which it gets the start.
func (w *deliveries) sent(start []byte) {
	if id, ok := deliveryIDOf(start); ok {
		w.sends[id] = true
	}
}

// settling takes note of a disposition that we send. One that is settled waits
// for no answer. go-amqp sends none about several deliveries.
func (w *deliveries) settling(frame []byte) {
	if d, ok := disposalOf(frame); ok && d.receiver && !d.settled {
		w.settlements[d.id] = d.state
	}
}

// usual reports whether a disposition from the hub is to be passed on as it is: it
// settles one delivery that waits for it, with the outcome that was asked for.
func (w *deliveries) usual(frame []byte) bool {
	d, ok := disposalOf(frame)
	switch {
	case !ok || !d.settled:
		return false
	case d.receiver:
		_, ok = w.sends[d.id]
		delete(w.sends, d.id)
		return ok
	}
	asked, ok := w.settlements[d.id]
	if ok = ok && agrees(d.state, asked); ok {
		delete(w.settlements, d.id)
	}
	return ok
}

// answered returns what to pass on in place of a disposition from the hub: one for
// each delivery that waits for it.
func (w *deliveries) answered(d *amqpwire.Disposition) (instead []amqpwire.Performative) {
	if _, received := d.State.(*amqpwire.Received); received && !d.Settled {
		// It says how far a message has come, which is no outcome yet (part 3 §3.4.1).
		// go-amqp takes it for one.
		return nil
	}
	if d.Role == amqpwire.RoleReceiver {
		for _, id := range waiting(w.sends, d) {
			delete(w.sends, id)
			instead = append(instead, about(id, d, d.State))
		}
		return instead
	}
	for _, id := range waiting(w.settlements, d) {
		asked := w.settlements[id]
		delete(w.settlements, id)
		instead = append(instead, about(id, d, answerTo(asked, d.State)))
	}
	return instead
}

// about returns a disposition about one delivery of another's range.
func about(id uint32, d *amqpwire.Disposition, state amqpwire.DeliveryState) *amqpwire.Disposition {
	return &amqpwire.Disposition{Role: d.Role, First: id, Settled: d.Settled, State: state, Batchable: d.Batchable}
}

// OtherOutcome is the condition of the error that stands for the answer to a
// settlement which has another outcome than was asked for. The description is the
// name of that.
const OtherOutcome = "iothub-c2d:other-outcome"

// answerTo returns what to pass on as the hub's answer to a settlement.
func answerTo(asked byte, answered amqpwire.DeliveryState) amqpwire.DeliveryState {
	if rejected, ok := answered.(*amqpwire.Rejected); ok && rejected.Error != nil {
		return answered
	}
	if code := codeOf(answered); !agrees(code, asked) {
		return &amqpwire.Rejected{Error: &amqpwire.Error{Condition: OtherOutcome, Description: outcomes[code]}}
	}
	return answered
}

// The codes of delivery states (part 3 §3.4).
const (
	codeReceived = 0x23
	codeAccepted = 0x24
	codeRejected = 0x25
	codeReleased = 0x26
	codeModified = 0x27
)

// outcomes are the names of the states.
var outcomes = map[byte]string{
	codeReceived: "received", codeAccepted: "accepted", codeRejected: "rejected", codeReleased: "released", codeModified: "modified",
}

// agrees reports whether an answer, by its code, is what was asked for. A hub that
// only says that it is settled has nothing against it.
func agrees(answered, asked byte) bool {
	return answered == 0 || answered == codeAccepted || answered == asked
}

// codeOf returns the code of a state, 0 if there is none.
func codeOf(state amqpwire.DeliveryState) byte {
	switch state.(type) {
	case *amqpwire.Received:
		return codeReceived
	case *amqpwire.Accepted:
		return codeAccepted
	case *amqpwire.Rejected:
		return codeRejected
	case *amqpwire.Released:
		return codeReleased
	case *amqpwire.Modified:
		return codeModified
	}
	return 0
}

// waiting returns, in order, the ids of the deliveries that a disposition is
// about, out of those that wait. Ids are serial numbers, which start again at 0
// after the last (part 2 §2.8.10).
func waiting[V any](all map[uint32]V, d *amqpwire.Disposition) (ids []uint32) {
	if d.Last == nil || *d.Last == d.First {
		if _, ok := all[d.First]; ok {
			ids = append(ids, d.First)
		}
		return ids
	}
	for id := range all {
		if id-d.First <= *d.Last-d.First {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uint32) int { return cmp.Compare(a-d.First, b-d.First) })
	return ids
}
