package fault

import (
	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/amqpfront"
)

// sink takes a back end's messages, or does not.
type sink struct {
	amqpserver.Sink
	conn *Conn
}

// Sink returns s with the faults of the connection.
func (c *Conn) Sink(s amqpserver.Sink) amqpserver.Sink { return &sink{s, c} }

// usualCredit is what the server grants without faults.
const usualCredit = 100

// Credit withholds the credit of a new link if a fault says so.
func (s *sink) Credit() uint32 {
	if _, strikes := s.conn.strikes(WithholdCredit); strikes {
		return 0
	}
	return usualCredit
}

// TooLarge words the refusal of a message that is too large, as without faults.
func (s *sink) TooLarge() *amqpwire.Error {
	return s.Sink.(interface{ TooLarge() *amqpwire.Error }).TooLarge()
}

// Accept refuses the message on purpose, or passes it on. The answer may be lost.
func (s *sink) Accept(m amqpserver.Incoming) (outcome amqpwire.DeliveryState) {
	if value, strikes := s.conn.strikes(RefuseSend); strikes {
		outcome = &amqpwire.Rejected{Error: onPurpose(value, amqpserver.CondInternalError)}
	} else {
		outcome = s.Sink.Accept(m)
	}
	if _, strikes := s.conn.strikes(WithholdDisposition); strikes {
		return nil
	}
	return outcome
}

// source sends a device its messages.
type source struct {
	amqpfront.LockSource
	conn     *Conn
	withheld map[string]bool // tags of deliveries that were settled without a word
}

// Source returns s with the faults of the connection.
func (c *Conn) Source(s amqpfront.LockSource) amqpserver.Source {
	return &source{LockSource: s, conn: c, withheld: make(map[string]bool)}
}

// Next makes the lock on a delivery run out early if a fault says so.
func (s *source) Next() (amqpserver.Outgoing, bool) {
	m, ok := s.LockSource.Next()
	if ok {
		if value, strikes := s.conn.strikes(ExpireLocks); strikes {
			s.ShortenLock(m.Tag, lockOnPurpose(value))
		}
	}
	return m, ok
}

// Settle does not hear the device's word, or does not answer it, if a fault says
// so.
func (s *source) Settle(tag []byte, outcome amqpwire.DeliveryState, waits bool) amqpwire.DeliveryState {
	if s.withheld[string(tag)] {
		return nil // the client asks again: there still is no word
	}
	if _, strikes := s.conn.strikes(LoseDisposition); strikes {
		return nil
	}
	answer := s.LockSource.Settle(tag, outcome, waits)
	if !waits {
		return answer
	}
	if _, strikes := s.conn.strikes(WithholdDisposition); strikes {
		s.withheld[string(tag)] = true
		return nil
	}
	return answer
}
