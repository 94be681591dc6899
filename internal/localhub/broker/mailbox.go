package broker

import (
	"fmt"
	"sync"
	"time"
)

// Mailbox is what the broker holds for one device or module: its queue, the one
// receiver that may take from it, and its session.
type Mailbox struct {
	ID ID
	*Queue

	broker     *Broker
	generation string // tells a device from an earlier one of the same id

	mu       sync.Mutex
	receiver Receiver

	keeping sync.Mutex // held while the session is written: others do not wait for the disk
	session []byte     // nil: none
}

// Receiver is who takes messages out of a mailbox. It must be comparable.
type Receiver interface {
	// Displace tells it, from any goroutine, that another has taken its place. It
	// must not block.
	Displace()
}

// newMailbox returns the mailbox of id, with what was kept of it. Nothing is
// written until it gets its first message.
func (b *Broker) newMailbox(id ID) *Mailbox {
	path := id.Path()
	m := &Mailbox{ID: id, broker: b, generation: b.kept.Generations[path], session: b.kept.Sessions[path]}
	m.Queue = &Queue{name: path, rules: &b.rules, owner: m, journal: b.options.Journal, log: b.log}
	if m.generation == "" {
		// IoT Hub's generation ids look like .NET ticks.
		m.generation = fmt.Sprint(time.Now().UnixNano()/100 + 621_355_968_000_000_000)
		m.unkept.first = []Change{PutGeneration{path, m.generation}}
	}
	m.restore(b.kept.Queues[path])
	return m
}

// Generation returns the generation id of the device or module, which tells it from
// an earlier one of the same id.
func (m *Mailbox) Generation() string { return m.generation }

// Take locks the first message that is ready, if there is one, and tells that it
// is delivered.
func (m *Mailbox) Take() (d Delivery, ok bool) {
	if d, ok = m.Queue.Take(); ok {
		m.tell(&d.Entry, EventDelivered, "")
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

func (m *Mailbox) tell(e *Entry, kind EventKind, detail string) {
	m.broker.Tell(Event{kind, m.ID.String(), e.Message.ID, e.Sequence, detail})
}

func (m *Mailbox) returned(e *entry, why string) { m.tell(&e.Entry, EventReturned, why) }

// finished tells of messages that have reached their final state, and reports
// those of which the sender wants to know.
func (m *Mailbox) finished(list []ending) {
	var records []Record
	for _, x := range list {
		m.tell(&x.entry.Entry, EventFinished, string(x.status))
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
