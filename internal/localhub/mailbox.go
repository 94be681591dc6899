package localhub

import (
	"fmt"
	"sync"
	"time"

	"iothub-c2d/internal/amqpwire"
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

// maxModules is how many modules a device may have. Source: Microsoft docs,
// iot-hub-devguide-quotas-throttling.
const maxModules = 50

// mailbox returns the mailbox of id, or why there is none. A module exists as
// soon as it is spoken of.
func (h *Hub) mailbox(id identity) (*mailbox, *amqpwire.Error) {
	if _, ok := h.keys[id.device]; !ok {
		return nil, h.noDevice(id.device)
	}
	h.mu.Lock()
	box := h.mailboxes[id]
	if box == nil {
		if refused := h.admitModule(id); refused != nil {
			h.mu.Unlock()
			return nil, refused
		}
		box = sync.OnceValue(func() *mailbox { return h.newMailbox(id) })
		h.mailboxes[id] = box
	}
	h.mu.Unlock()
	return box(), nil // only those who want this one wait for the disk
}

// admitModule counts a new mailbox if it is a module's, or returns why there
// must be none. Called with mu held.
func (h *Hub) admitModule(id identity) *amqpwire.Error {
	switch {
	case id.module == "":
		return nil
	case !isID(id.module):
		return refusal(condArgument, codeBadArgument, "The module id '%s' is longer than %d characters or has illegal ones.", id.module, maxID)
	case h.modules[id.device] >= maxModules:
		return refusal(condLimitExceeded, codeTooManyModules, "Device %s has %d modules already.", id.device, maxModules)
	}
	h.modules[id.device]++
	return nil
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
