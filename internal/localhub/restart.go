package localhub

import (
	"errors"
	"fmt"
	"strings"
)

// openData opens the store that the options name, and takes up what the last
// hub left in it.
func (h *Hub) openData() error {
	if h.options.Data == "" {
		return nil
	}
	var err error
	if h.store, err = openStore(h.options.Data); err != nil {
		return fmt.Errorf("%w: %w", ErrData, err)
	}
	if err := h.takeUp(); err != nil {
		h.Close()
		return fmt.Errorf("%w: %w", ErrData, err)
	}
	return nil
}

// ErrData says that [Options.Data] cannot be used.
var ErrData = errors.New("keep data")

// takeUp restores the feedback queue, the queues of devices, and the records of
// messages that ended and were not reported.
func (h *Hub) takeUp() error {
	q := h.feedback.queue
	q.journal = &journal{store: h.store, queue: feedbackQueueName}
	q.trouble = h.notKept
	if err := q.restore(); err != nil {
		return err
	}
	records, err := h.store.records()
	if err != nil {
		return err
	}
	for _, r := range records {
		h.feedback.report(r)
	}
	names, err := h.store.queues()
	if err != nil {
		return err
	}
	for _, name := range names {
		device, module, _ := strings.Cut(name, "/")
		m, refused := h.mailbox(identity{device, module})
		switch {
		case refused != nil:
			h.log.Warn("messages are kept that nobody can get", "queue", name, "reason", explain(refused))
		case m.failure != nil:
			return fmt.Errorf("queue of %s: %w", name, m.failure)
		}
	}
	return nil
}

// keep has a new mailbox kept over a restart, if the hub keeps anything.
func (h *Hub) keep(m *mailbox) {
	if h.store == nil {
		return
	}
	m.queue.journal = &journal{store: h.store, queue: m.id.String(), record: m.record}
	m.queue.trouble = h.notKept
	if m.generation, m.failure = h.store.generation(m.id, m.generation); m.failure == nil {
		m.failure = m.queue.restore()
	}
	if m.failure != nil {
		h.notKept(m.failure)
	}
}

// notKept tells that the disk has not taken a change.
func (h *Hub) notKept(err error) { h.log.Error("not kept on disk", "error", err) }
