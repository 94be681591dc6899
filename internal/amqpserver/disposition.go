package amqpserver

import (
	"cmp"
	"slices"

	"iothub-c2d/internal/amqpwire"
)

// disposition settles deliveries of ours as the client says. The client's
// dispositions as a sender mean nothing here: the server settles what it
// receives at once.
func (s *Session) disposition(d *amqpwire.Disposition) {
	switch {
	case d.Role != amqpwire.RoleReceiver:
	case d.Last == nil || *d.Last == d.First:
		s.dispose(d.First, d)
	default:
		for _, id := range s.inRange(d.First, *d.Last) {
			s.dispose(id, d)
		}
	}
}

func (s *Session) dispose(id uint32, d *amqpwire.Disposition) {
	if sender := s.unsettled[id]; sender != nil {
		sender.dispose(id, d)
	}
}

// inRange returns the unsettled delivery ids from first to last in order. A
// range may span thousands of millions of ids, most of them never used.
func (s *Session) inRange(first, last uint32) []uint32 {
	span := last - first // wraps with the ids, which are serial numbers
	var ids []uint32
	for id := range s.unsettled {
		if id-first <= span {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uint32) int { return cmp.Compare(a-first, b-first) })
	return ids
}

// isOutcome reports whether a state is the receiver's last word (part 3 §3.4).
func isOutcome(state amqpwire.DeliveryState) bool {
	switch state.(type) {
	case *amqpwire.Accepted, *amqpwire.Rejected, *amqpwire.Released, *amqpwire.Modified:
		return true
	}
	return false
}
