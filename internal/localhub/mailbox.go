package localhub

import (
	"fmt"
	"sync"
	"time"
)

// mailbox is what the hub holds for one device (or module): its queue, and the
// one link that may receive from it.
type mailbox struct {
	id         identity
	generation string // tells a device from an earlier one of the same id
	queue      *queue
	failure    error // of restoring it

	mu       sync.Mutex
	receiver *outLink
}

// mailbox returns the mailbox of id, or false if there is no such device. A
// module exists as soon as it is spoken of.
func (h *Hub) mailbox(id identity) (*mailbox, bool) {
	if _, ok := h.keys[id.device]; !ok {
		return nil, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.mailboxes[id]
	if m == nil {
		m = h.newMailbox(id)
		h.mailboxes[id] = m
	}
	return m, true
}

func (h *Hub) newMailbox(id identity) *mailbox {
	m := &mailbox{
		id: id,
		// IoT Hub's generation ids look like .NET ticks.
		generation: fmt.Sprint(time.Now().UnixNano()/100 + 621_355_968_000_000_000),
	}
	m.queue = newQueue(queueLimits{
		pending:        h.options.MaxQueue,
		lock:           h.options.LockTimeout,
		ttl:            h.options.DefaultTTL,
		deliveries:     h.options.MaxDeliveryCount,
		countLostLocks: h.options.CountLostLocks,
	}, func(e *entry, s status) { h.finished(m, e, s) })
	m.queue.returned = func(e *entry, why string) { h.tellOf(m, e, EventReturned, why) }
	h.keep(m)
	return m
}

// finished reports a message that has reached its final state, if its sender
// wants to know.
func (h *Hub) finished(m *mailbox, e *entry, s status) {
	h.tellOf(m, e, EventFinished, string(s))
	h.log.Debug("message finished", "device", m.id.String(), "id", messageID(e.message), "status", string(s))
	if r, wanted := m.record(e, s); wanted {
		h.feedback.report(r)
	}
}

// record returns the feedback record of a message that has ended, if its
// sender wants one.
func (m *mailbox) record(e *entry, s status) (r feedbackRecord, wanted bool) {
	r = feedbackRecord{
		OriginalMessageID:  messageID(e.message),
		DeviceID:           m.id.device,
		DeviceGenerationID: m.generation,
		StatusCode:         s,
		key:                fmt.Sprintf("%s#%d", m.id, e.sequence),
	}
	r.stamp()
	return r, ackMode(e.message.ApplicationProperties.String(ackProperty)).wants(s)
}

// claim makes l the device's receiver and returns the one it displaces.
func (m *mailbox) claim(l *outLink) (displaced *outLink) {
	m.mu.Lock()
	defer m.mu.Unlock()
	displaced, m.receiver = m.receiver, l
	return displaced
}

// leave gives up the claim, if l still has it.
func (m *mailbox) leave(l *outLink) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.receiver == l {
		m.receiver = nil
	}
}
