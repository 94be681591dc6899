package localhub

import (
	"cmp"
	"slices"

	"iothub-c2d/internal/amqpwire"
)

// disposition settles deliveries of ours as the client says. The client's
// dispositions as a sender mean nothing here: the hub settles what it receives
// at once.
func (s *session) disposition(d *amqpwire.Disposition) {
	if d.Role != amqpwire.RoleReceiver {
		return
	}
	for _, id := range s.inRange(d) {
		delivery := s.unsettled[id]
		if delivery.unheard() {
			continue
		}
		if delivery.link.dispose(id, delivery.token, d) {
			delete(s.unsettled, id)
		}
	}
}

// inRange returns the unsettled delivery ids from First to Last in order. A
// range may span thousands of millions of ids, most of them never used.
func (s *session) inRange(d *amqpwire.Disposition) []uint32 {
	var span uint32 // wraps with the ids, which are serial numbers
	if d.Last != nil {
		span = *d.Last - d.First
	}
	var ids []uint32
	if span == 0 {
		if _, ok := s.unsettled[d.First]; ok {
			ids = append(ids, d.First)
		}
		return ids
	}
	for id := range s.unsettled {
		if id-d.First <= span {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uint32) int { return cmp.Compare(a-d.First, b-d.First) })
	return ids
}
