package tap

import (
	"cmp"
	"slices"

	"iothub-c2d/internal/amqpwire"
)

// deliveries are those of a session that wait for the hub's word.
//
// go-amqp does the same for every id of a disposition's range, known to it or
// not: one of 0 to 2^32-1 keeps a core busy for ever. So it gets only what it
// waits for, each delivery in a frame of its own.
type deliveries struct {
	sends       map[uint32]bool                   // messages that were sent, by our delivery-id
	settlements map[uint32]amqpwire.DeliveryState // what was asked for, by the hub's delivery-id
}

func newDeliveries() deliveries {
	return deliveries{sends: make(map[uint32]bool), settlements: make(map[uint32]amqpwire.DeliveryState)}
}

// sent takes note of a transfer, of which it gets the start.
func (d *deliveries) sent(start []byte) {
	if id, ok := deliveryIDOf(start); ok {
		d.sends[id] = true
	}
}

// settling takes note of a disposition of ours. One that is settled waits for no
// answer.
func (d *deliveries) settling(ours *amqpwire.Disposition) {
	if ours.Role == amqpwire.RoleReceiver && !ours.Settled {
		d.settlements[ours.First] = ours.State // go-amqp has no ranges
	}
}

// settled takes note of a disposition of the hub's, of which it gets the start,
// and reports whether it is the usual one: about one message that we have sent.
func (d *deliveries) settled(start []byte) bool {
	id, ok := settledID(start)
	ok = ok && d.sends[id]
	if ok {
		delete(d.sends, id)
	}
	return ok
}

// told returns what to pass on in place of a disposition of the hub's, if that is
// not as it should be.
func (d *deliveries) told(hubs *amqpwire.Disposition) (instead []amqpwire.Performative, replaced bool) {
	if _, received := hubs.State.(*amqpwire.Received); received && !hubs.Settled {
		// It says how far a message has come, which is no outcome yet (part 3 §3.4.1).
		// go-amqp takes it for one.
		return nil, true
	}
	var ids []uint32
	if hubs.Role == amqpwire.RoleReceiver {
		ids = take(d.sends, hubs)
	} else {
		ids = take(d.settlements, hubs)
	}
	if len(ids) == 1 && (hubs.Last == nil || *hubs.Last == hubs.First) {
		return nil, false
	}
	for _, id := range ids {
		one := *hubs
		one.First, one.Last = id, nil
		instead = append(instead, &one)
	}
	return instead, true
}

// take removes the deliveries that a disposition is about from those that wait,
// and returns their ids in order. Ids are serial numbers, which start again at 0
// after the last (part 2 §2.8.10).
func take[V any](waiting map[uint32]V, d *amqpwire.Disposition) (ids []uint32) {
	if d.Last == nil || *d.Last == d.First {
		if _, ok := waiting[d.First]; ok {
			ids = append(ids, d.First)
		}
	} else {
		for id := range waiting {
			if id-d.First <= *d.Last-d.First {
				ids = append(ids, id)
			}
		}
		slices.SortFunc(ids, func(a, b uint32) int { return cmp.Compare(a-d.First, b-d.First) })
	}
	for _, id := range ids {
		delete(waiting, id)
	}
	return ids
}
