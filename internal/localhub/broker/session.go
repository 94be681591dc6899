package broker

import "bytes"

// Session returns what a door has kept with [Mailbox.KeepSession], nil if there is
// nothing.
func (m *Mailbox) Session() []byte {
	m.Queue.mu.Lock()
	defer m.Queue.mu.Unlock()
	return m.session
}

// KeepSession keeps what a door has to know when the device comes back, as long
// as the queues are kept, and the device exists. Nobody else looks inside. Nil
// forgets it. If that fails, the session is what it was.
func (m *Mailbox) KeepSession(session []byte) error {
	return m.update(func(s *step) error {
		switch {
		case m.gone:
			return errGone
		case bytes.Equal(session, m.session) && (session == nil) == (m.session == nil):
			return nil
		case session == nil:
			s.change(RemoveSession{m.ID.Path()})
		default:
			s.change(PutSession{m.ID.Path(), session})
		}
		s.then(func() { m.session = session })
		return nil
	})
}

// Memory returns what a door remembers of the device as long as it exists, and
// the process: what first has returned the first time. Nobody else looks inside.
func (m *Mailbox) Memory(first func() any) any {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.memory == nil {
		m.memory = first()
	}
	return m.memory
}
