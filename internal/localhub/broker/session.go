package broker

import "bytes"

// Session returns what a door has kept with [Mailbox.KeepSession], nil if there is
// nothing.
func (m *Mailbox) Session() []byte {
	m.keeping.Lock()
	defer m.keeping.Unlock()
	return m.session
}

// KeepSession keeps what a door has to know when the device comes back, as long
// as the queues are kept. Nobody else looks inside. Nil forgets it. If that
// fails, the session is what it was.
func (m *Mailbox) KeepSession(session []byte) error {
	m.keeping.Lock()
	defer m.keeping.Unlock()
	if bytes.Equal(session, m.session) && (session == nil) == (m.session == nil) {
		return nil
	}
	change := Change(PutSession{m.ID.Path(), session})
	if session == nil {
		change = RemoveSession{m.ID.Path()}
	}
	if err := m.journal.Commit([]Change{change}); err != nil {
		m.log.Error("session not kept on disk", "device", m.ID.String(), "error", err)
		return err
	}
	m.session = session
	return nil
}
