package broker

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

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
	box   *Mailbox
	over  Connection
	since time.Time
	end   func(*Refusal)
}

// Connection is what a client acts over.
type Connection struct {
	Protocol  string // AMQP or MQTT
	Transport string // as clients call it, such as amqps, wss or mqtt-ws
	Client    string // its address
}

// Enter notes that a client acts as the device or module over a connection. When it
// must stop, end is told why, from any goroutine: it must not block.
//
// What a client is permitted may change before it is noted here: whoever asks for
// permission asks once more after Enter.
func (m *Mailbox) Enter(over Connection, end func(*Refusal)) *Presence {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &Presence{m, over, time.Now(), end}
	p := &m.presences
	if m.broker.watched() && !p.has(over) {
		m.tellOf(EventConnected, over, "")
	}
	p.active = c.since
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
	if c.box.broker.watched() && !p.has(c.over) {
		c.box.tellOf(EventDisconnected, c.over, "")
	}
	if len(p.all) == 0 {
		p.all, p.changed = nil, time.Now()
	}
}

// has reports whether a client is there over the connection: there may be many
// links of it.
func (p *presences) has(over Connection) bool {
	for c := range p.all {
		if c.over == over {
			return true
		}
	}
	return false
}

// Connected is a connection over which somebody is there, and since when.
type Connected struct {
	Connection
	Since time.Time
}

// connections returns the connections, the oldest first.
func (p *presences) connections() []Connected {
	since := make(map[Connection]time.Time)
	for c := range p.all {
		if first, ok := since[c.over]; !ok || c.since.Before(first) {
			since[c.over] = c.since
		}
	}
	list := make([]Connected, 0, len(since))
	for over, at := range since {
		list = append(list, Connected{over, at})
	}
	slices.SortFunc(list, func(a, b Connected) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Client, b.Client))
	})
	return list
}

// tellOf tells that a connection has come or gone. The mailbox's lock is held, so
// that both are told in their order.
func (m *Mailbox) tellOf(kind EventKind, over Connection, why string) {
	m.broker.Tell(Event{Kind: kind, Device: m.ID.String(), Over: over, Detail: why})
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
		for _, c := range m.presences.connections() {
			m.tellOf(EventDisconnected, c.Connection, why.Message)
		}
		m.presences.all, m.presences.changed = nil, time.Now()
	}
	m.mu.Unlock()
	for c := range clients {
		m.broker.log.Info("device disconnected", "device", m.ID.String(), "over", c.over.Protocol, "reason", why.Message)
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
