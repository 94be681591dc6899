package broker

import "time"

// presences are who acts as a device or module, and when anybody last did. The
// mailbox's lock guards them.
type presences struct {
	all     map[*Presence]struct{}
	changed time.Time // from nobody to somebody, or back
	active  time.Time
}

// Presence is a connection, or a link of one, on which a client acts as a device or
// module.
type Presence struct {
	box  *Mailbox
	over string
	end  func(*Refusal)
}

// Enter notes that a client acts as the device or module, over the protocol of the
// given name. When it must stop, end is told why, from any goroutine: it must not
// block.
//
// What a client is permitted may change before it is noted here: whoever asks for
// permission asks once more after Enter.
func (m *Mailbox) Enter(over string, end func(*Refusal)) *Presence {
	c := &Presence{m, over, end}
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &m.presences
	p.active = time.Now()
	if len(p.all) == 0 {
		p.all, p.changed = make(map[*Presence]struct{}), p.active
	}
	p.all[c] = struct{}{}
	return c
}

// Leave notes that the client has stopped.
func (c *Presence) Leave() {
	c.box.mu.Lock()
	defer c.box.mu.Unlock()
	p := &c.box.presences
	if _, present := p.all[c]; !present {
		return
	}
	delete(p.all, c)
	if len(p.all) == 0 {
		p.all, p.changed = nil, time.Now()
	}
}

// Active notes that the device or module has received or sent something.
func (m *Mailbox) Active() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.presences.active = time.Now()
}

// expel ends all clients that act as the device or module, for a reason.
func (m *Mailbox) expel(why *Refusal) {
	m.mu.Lock()
	clients := m.presences.all
	if len(clients) > 0 {
		m.presences.all, m.presences.changed = nil, time.Now()
	}
	m.mu.Unlock()
	for c := range clients {
		m.broker.log.Info("device disconnected", "device", m.ID.String(), "over", c.over, "reason", why.Message)
		c.end(why)
	}
}

// Expel ends all clients that act as a device or one of its modules, or as a
// module, for a reason.
func (b *Broker) Expel(id ID, why *Refusal) {
	b.mu.Lock()
	boxes := b.find(id).household()
	b.mu.Unlock()
	for _, m := range boxes {
		m.expel(why)
	}
}

// Activity is what a device or module is doing.
type Activity struct {
	Generation string    // its generation id
	Messages   int       // that wait for it, those in its hands included
	Connected  bool      // over AMQP or MQTT: HTTP has no connections that count
	Changed    time.Time // when Connected did; zero: never
	Active     time.Time // when it connected, received or sent something last; zero: never
}

// Activity returns what a device or module is doing: nothing if it does not exist.
func (b *Broker) Activity(id ID) Activity {
	b.mu.Lock()
	box := b.find(id)
	b.mu.Unlock()
	if box == nil {
		return Activity{}
	}
	messages := box.Len()
	box.mu.Lock()
	defer box.mu.Unlock()
	p := box.presences
	return Activity{box.generation, messages, len(p.all) > 0, p.changed, p.active}
}

// Connected returns how many devices are connected.
func (b *Broker) Connected() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, box := range b.devices {
		box.mu.Lock()
		if len(box.presences.all) > 0 {
			n++
		}
		box.mu.Unlock()
	}
	return n
}
