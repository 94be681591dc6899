package broker

import (
	"fmt"
	"sync"
	"time"
)

// Mailbox is what the broker holds for one device or module: its queue, the one
// receiver that may take from it, who else is there in its name, and its session.
// It exists as long as the device or module does.
type Mailbox struct {
	ID ID
	*Queue

	broker     *Broker
	generation string              // tells a device from an earlier one of the same id
	modules    map[string]*Mailbox // of a device; the broker's lock guards it

	mu        sync.Mutex
	receiver  Receiver
	presences presences
	memory    any

	session []byte // nil: none; the queue's lock guards it
}

// Receiver is who takes messages out of a mailbox. It must be comparable.
type Receiver interface {
	// Displace tells it, from any goroutine, that another has taken its place. It
	// must not block.
	Displace()
}

// newMailbox returns the mailbox of id, with what was kept of it. The generation of
// a module that is not registered is written with its first message. Called with
// the broker's lock held.
func (b *Broker) newMailbox(id ID) *Mailbox {
	path := id.Path()
	m := &Mailbox{ID: id, broker: b, generation: b.kept.Generations[path], session: b.kept.Sessions[path]}
	m.Queue = &Queue{name: path, rules: &b.rules, owner: m, journal: b.options.Journal, log: b.log}
	if m.generation == "" {
		m.generation = b.newGeneration()
		m.unkept.first = []Change{PutGeneration{path, m.generation}}
	}
	for _, e := range b.kept.Queues[path].Entries {
		b.room.force(e.Message.Size)
	}
	m.restore(b.kept.Queues[path])
	delete(b.kept.Generations, path)
	delete(b.kept.Queues, path)
	delete(b.kept.Sessions, path)
	return m
}

// Mailbox returns the mailbox of id, or why there is none. A module exists as
// soon as it is spoken of.
func (b *Broker) Mailbox(id ID) (*Mailbox, *Refusal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	device := b.devices[id.Device]
	if device == nil {
		return nil, NoDevice(id.Device, b.options.HostName)
	}
	if m := b.find(id); m != nil {
		return m, nil
	}
	if refused := b.admitModule(id); refused != nil {
		return nil, refused
	}
	m := b.newMailbox(id)
	b.publish(m)
	return m, nil
}

// maxModules is how many modules a device may have. Source: Microsoft docs,
// iot-hub-devguide-quotas-throttling.
const maxModules = 50

// AdmitModule returns why a device must not have one more module, nil if it may.
func (b *Broker) AdmitModule(id ID) *Refusal {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.find(id) != nil {
		return nil
	}
	return b.admitModule(id)
}

func (b *Broker) admitModule(id ID) *Refusal {
	switch device := b.devices[id.Device]; {
	case !IsID(id.Module):
		return Refuse(BadArgument, "The module id '%s' is longer than %d characters or has illegal ones.", id.Module, MaxID)
	case device != nil && len(device.modules) >= maxModules:
		return Refuse(TooManyModules, "Device %s has %d modules already.", id.Device, maxModules)
	}
	return nil
}

// Generation returns the generation id of the device or module, which tells it from
// an earlier one of the same id.
func (m *Mailbox) Generation() string { return m.generation }

// Put enqueues msg. It fails as [Queue.Put], or if the hub has no room for it.
func (m *Mailbox) Put(msg *Message) error {
	return wait(func(done func(error)) { m.PutThen(msg, done) })
}

// PutThen is [Mailbox.Put] for callers that must not wait, as [Queue.PutThen] is.
func (m *Mailbox) PutThen(msg *Message, done func(error)) {
	if !m.broker.room.take(msg.Size) {
		done(errNoRoom)
		return
	}
	m.Queue.PutThen(msg, func(err error) {
		if err != nil {
			m.broker.room.give(msg.Size)
		}
		done(err)
	})
}

// Take locks the first message that is ready, if there is one.
func (m *Mailbox) Take() (Delivery, bool) { return m.TakeFor(m.rules.lock) }

// TakeFor is [Mailbox.Take] for a time of the receiver's choice.
func (m *Mailbox) TakeFor(lock time.Duration) (d Delivery, ok bool) {
	if d, ok = m.Queue.TakeFor(lock); ok {
		m.Active()
	}
	return d, ok
}

// Claim makes r the receiver, and displaces the one before it.
func (m *Mailbox) Claim(r Receiver) {
	m.mu.Lock()
	displaced := m.receiver
	m.receiver = r
	m.mu.Unlock()
	if displaced != nil {
		displaced.Displace()
	}
}

// Leave gives up the claim, if r still has it.
func (m *Mailbox) Leave(r Receiver) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.receiver == r {
		m.receiver = nil
	}
}

func (m *Mailbox) watched() bool { return m.broker.watched() }

func (m *Mailbox) happened(kind EventKind, e *entry, detail string) {
	m.broker.Tell(Event{Kind: kind, Device: m.ID.String(), MessageID: e.Message.ID, Sequence: e.Sequence, Detail: detail})
}

// finished tells of messages that have reached their final state, and reports
// those of which the sender wants to know.
func (m *Mailbox) finished(list []ending) {
	var records []Record
	for _, x := range list {
		m.broker.room.give(x.entry.Message.Size)
		m.broker.log.Debug("message finished", "device", m.ID.String(), "id", x.entry.Message.ID, "status", string(x.status))
		if x.record != nil {
			records = append(records, *x.record)
		}
	}
	if len(records) > 0 {
		m.broker.feedback.report(records...)
	}
}

func (m *Mailbox) record(e *entry, s Status) *Record {
	if !e.Message.Ack.wants(s) {
		return nil
	}
	return &Record{
		OriginalMessageID:  e.Message.ID,
		Description:        string(s),
		DeviceGenerationID: m.generation,
		DeviceID:           m.ID.Device,
		EnqueuedTimeUTC:    time.Now().UTC().Format(TimestampLayout),
		StatusCode:         s,
		Key:                fmt.Sprintf("%s#%s#%d", m.ID.Path(), m.generation, e.Sequence),
	}
}
