package broker

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// Identities returns what the journal keeps of the registered devices and modules,
// a module after its device. It is for the registry, at the start: later calls
// return nothing.
func (b *Broker) Identities() (list []PutIdentity) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, path := range slices.Sorted(maps.Keys(b.kept.Identities)) {
		list = append(list, PutIdentity{parsePath(path), b.kept.Identities[path]})
	}
	b.kept.Identities = nil
	return list
}

// Register keeps what is said of devices and modules, a module after its device,
// and makes those exist that do not yet. All of it is one commit: if it fails,
// nothing has changed. One caller at a time may use Register and Unregister.
func (b *Broker) Register(list ...PutIdentity) error {
	changes, fresh := b.prepare(list)
	if len(changes) == 0 {
		return nil
	}
	if err := b.options.Journal.Commit(changes); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range fresh {
		if b.find(id) == nil { // a module may have been spoken of meanwhile
			b.publish(b.newMailbox(id))
		}
	}
	b.claim()
	return nil
}

// prepare returns the changes that register the list, and who is new in it. The
// generation of a new one is fixed here.
func (b *Broker) prepare(list []PutIdentity) (changes []Change, fresh []ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range list {
		changes = append(changes, p)
		if b.find(p.ID) != nil {
			continue
		}
		fresh = append(fresh, p.ID)
		path := p.ID.Path()
		if b.kept.Generations[path] == "" {
			b.keepGeneration(path, b.newGeneration())
		}
		changes = append(changes, PutGeneration{path, b.kept.Generations[path]})
	}
	return changes, fresh
}

func (b *Broker) keepGeneration(path, generation string) {
	if b.kept.Generations == nil {
		b.kept.Generations = make(map[string]string)
	}
	b.kept.Generations[path] = generation
}

// newGeneration returns a generation id that no device or module has had. IoT Hub's
// look like .NET ticks. Called with mu held.
func (b *Broker) newGeneration() string {
	ticks := time.Now().UnixNano()/100 + 621_355_968_000_000_000
	b.generation = max(ticks, b.generation+1)
	return strconv.FormatInt(b.generation, 10)
}

// Unregister ends a device or module: its messages are purged, its clients are told
// why, its generation is over. A device takes its modules along, in one commit for
// each of them: if one fails, it and those after it stay.
func (b *Broker) Unregister(id ID) error {
	b.mu.Lock()
	gone := b.find(id).household()
	b.withdraw(id)
	b.mu.Unlock()
	for i, m := range gone {
		if err := m.remove(); err != nil {
			b.restore(gone[i:])
			return err
		}
		m.expel(NoDevice(id.Device, b.options.HostName))
	}
	return nil
}

// restore lets others find what is left of a household.
func (b *Broker) restore(left []*Mailbox) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left[len(left)-1].modules = nil // those that are gone too
	for _, m := range slices.Backward(left) {
		b.publish(m)
	}
}

// withdraw keeps anybody from finding id any more. Called with mu held.
func (b *Broker) withdraw(id ID) {
	if id.Module == "" {
		delete(b.devices, id.Device)
	} else if device := b.devices[id.Device]; device != nil {
		delete(device.modules, id.Module)
	}
}

// household returns the mailboxes of a device's modules, then the device's own.
func (m *Mailbox) household() (list []*Mailbox) {
	if m == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(m.modules)) {
		list = append(list, m.modules[name])
	}
	return append(list, m)
}

// remove ends a mailbox: nothing can be put into it any more, or taken from it.
func (m *Mailbox) remove() error {
	q := m.Queue
	return q.update(func(s *step) error {
		q.endOldest(s, q.size(), StatusPurged)
		s.change(RemoveIdentity{m.ID})
		s.then(q.leave)
		return nil
	})
}

// leave makes the end of a queue final. Called with mu held.
func (q *Queue) leave() {
	q.rest()
	q.closed, q.gone = true, true
}

// The methods below are called with mu held.

// find returns the mailbox of a device or module, nil if it does not exist.
func (b *Broker) find(id ID) *Mailbox {
	device := b.devices[id.Device]
	if device == nil || id.Module == "" {
		return device
	}
	return device.modules[id.Module]
}

// publish lets others find a mailbox. That of a module needs its device's.
func (b *Broker) publish(m *Mailbox) {
	device := b.devices[m.ID.Device]
	switch {
	case m.ID.Module == "":
		b.devices[m.ID.Device] = m
	case device == nil:
		b.log.Warn("a module is kept that has no device", "module", m.ID.String())
		m.close()
	default:
		if device.modules == nil {
			device.modules = make(map[string]*Mailbox)
		}
		device.modules[m.ID.Module] = m
	}
}

// claim takes up what is kept of modules that are not registered, whose device is:
// it ends with the device.
func (b *Broker) claim() {
	for _, path := range b.unclaimed() {
		if id := parsePath(path); id.Module != "" && b.devices[id.Device] != nil {
			b.publish(b.newMailbox(id))
		}
	}
}

// unclaimed returns the paths of which something is kept that nobody has taken up.
func (b *Broker) unclaimed() []string {
	paths := make(map[string]bool)
	for path := range b.kept.Queues {
		paths[path] = true
	}
	for path := range b.kept.Generations {
		paths[path] = true
	}
	for path := range b.kept.Sessions {
		paths[path] = true
	}
	return slices.Sorted(maps.Keys(paths))
}

// WarnOfStrays tells the log of messages that are kept for devices which are not
// registered. They stay in the journal until one is registered by that name.
func (b *Broker) WarnOfStrays() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, path := range slices.Sorted(maps.Keys(b.kept.Queues)) {
		id := parsePath(path)
		if len(b.kept.Queues[path].Entries) == 0 {
			continue
		}
		b.log.Warn("messages are kept that nobody can get", "queue", id.String(),
			"reason", NoDevice(id.Device, b.options.HostName).Message)
	}
}
