package localhub_test

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	amqpclient "iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker/naive"
	"iothub-c2d/internal/localhub/defaults"
	mqttclient "iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
)

// historyLink is the device's link over AMQP, in settle mode second: the hub answers
// whether a settlement was carried out.
type historyLink struct {
	*amqpclient.Client
	*history
	credit, count uint32
	held          map[uint32]naive.Lock // by delivery id; nothing was said of them
}

// attach attaches a link, which displaces whoever is there.
func (h *history) attach() {
	c, err := h.line.connect(h.t.Context())
	check(h.t, err)
	l := &historyLink{amqpclient.New(h.t, c), h, 0, 0, make(map[uint32]naive.Lock)}
	token := signed(defaults.Key(), "localhost/devices/dev1", "", lifetime)
	l.SASL(&amqpwire.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("\x00dev1@sas.localhost\x00" + token)})
	l.Open(&amqpwire.Open{ContainerID: "raw"})
	l.Begin(0, 5000)
	a := amqpclient.ReceiverAttach(0, "/devices/dev1/messages/devicebound")
	a.RcvSettleMode = new(amqpwire.ReceiverSecond)
	l.Send(0, a)
	amqpclient.Want[*amqpwire.Attach](l.Client)
	h.expel("amqp:link:stolen")
	h.link = l
	h.counts["links"]++
}

// release gives deliveries back that are not over.
func (h *history) release(locks iter.Seq[naive.Lock]) {
	for l := range locks {
		h.model.Settle(l, naive.Release)
	}
}

// expel expects that whoever is there is sent away, and why. What they hold is back.
func (h *history) expel(why amqpwire.Symbol) {
	if h.client.there() {
		h.client.WantEnd()
		h.client.Client = nil
		h.release(maps.Values(h.client.sent))
	}
	if h.link != nil {
		d := amqpclient.Want[*amqpwire.Detach](h.link.Client)
		amqpclient.WantCondition(h.t, "detach", d.Error, why)
		h.release(maps.Values(h.link.held))
		h.link.leave()
		h.disorder = true
	}
}

// act does something that a link does.
func (l *historyLink) act() {
	switch n := l.rand.IntN(100); {
	case n < 25:
		l.credit = uint32(l.rand.IntN(6))
		l.Credit(0, l.count, l.credit)
	case n < 97 && len(l.held) > 0:
		l.settle()
	case n == 98:
		l.Send(0, &amqpwire.Detach{Closed: true})
		amqpclient.Want[*amqpwire.Detach](l.Client)
		l.release(maps.Values(l.held))
		l.leave()
	case n == 99: // the locks run out by themselves
		l.leave()
	}
}

// leave hangs up.
func (l *historyLink) leave() {
	check(l.t, l.Net.Close())
	l.link = nil
}

func (l *historyLink) settle() {
	ids := slices.Sorted(maps.Keys(l.held))
	id := ids[l.rand.IntN(len(ids))]
	how := naive.Settlement(l.rand.IntN(4))
	want := l.model.Settle(l.held[id], how)
	delete(l.held, id)
	l.Dispose(id, nil, []amqpwire.DeliveryState{
		naive.Complete: &amqpwire.Accepted{}, naive.Abandon: &amqpwire.Released{}, naive.Reject: &amqpwire.Rejected{}, naive.Release: &amqpwire.Modified{},
	}[how])
	if refused := l.WantAnswer(id); (refused == nil) != want {
		l.t.Fatalf("settlement %d: %v, want success: %v", how, refused, want)
	}
}

// next returns what has come, apart from heartbeats.
func (l *historyLink) next() (r amqpclient.Received, ok bool) {
	for len(l.In) > 0 {
		if r = <-l.In; r.Frame.Body != nil {
			return r, true
		}
	}
	return r, false
}

func (l *historyLink) wantNothing() {
	l.t.Helper()
	if r, ok := l.next(); ok {
		l.t.Fatalf("over AMQP came %s, want nothing", amqpclient.Show(r))
	}
}

func (l *historyLink) room() bool { return l.credit > 0 }

func (l *historyLink) receive() {
	l.t.Helper()
	r, _ := l.next()
	transfer, ok := r.Frame.Body.(*amqpwire.Transfer)
	if !ok {
		l.t.Fatalf("over AMQP came %s, want a message", amqpclient.Show(r))
	}
	m := amqpclient.Decode(l.t, r.Frame.Payload)
	count, _ := m.Annotations.Get("iothub-deliverycount")
	got := l.wantMessage("AMQP", fmt.Sprint(m.Properties.MessageID), fmt.Sprint(count))
	l.credit--
	l.count++
	l.held[*transfer.DeliveryID] = l.model.Take(got, l.model.Lock)
}

// historyClient is the device's client over MQTT, and its session.
type historyClient struct {
	*mqttclient.Client // nil: it is not there
	*history
	known bool // to the hub: it has subscribed once
	sent  map[uint16]naive.Lock
	seen  map[string]bool
}

func (c *historyClient) there() bool { return c.Client != nil }

// connect connects, which displaces whoever is there, and brings again what was not
// acknowledged.
func (c *historyClient) connect() {
	conn, err := c.line.connect(c.t.Context())
	check(c.t, err)
	client := mqttclient.New(c.t, conn)
	token := signed(defaults.Key(), "localhost/devices/dev1", "", lifetime)
	answer := client.Connect(&mqttwire.Connect{ClientID: "dev1", Username: new("localhost/dev1/"), Password: mqttwire.Password(token)})
	if answer.Code != mqttwire.Accepted || answer.SessionPresent != c.known {
		c.t.Fatalf("%+v, want a session: %v", answer, c.known)
	}
	c.expel("amqp:link:stolen")
	c.release(maps.Values(c.sent))
	c.Client = client
	if !c.known {
		client.Subscribe(mqttwire.AtLeastOnce, mqttMessages)
		c.known = true
	}
	c.counts["clients"]++
}

// act does something that a client does.
func (c *historyClient) act() {
	switch n := c.rand.IntN(100); {
	case n < 97 && len(c.sent) > 0:
		ids := slices.Sorted(maps.Keys(c.sent))
		id := ids[c.rand.IntN(len(ids))]
		c.Send(&mqttwire.PubAck{ID: id})
		c.model.Settle(c.sent[id], naive.Complete)
		delete(c.sent, id)
	case n == 98:
		c.Send(&mqttwire.Disconnect{})
		c.WantEnd()
		c.Client = nil
	case n == 99:
		c.HangUp()
		c.Client = nil
	}
}

func (c *historyClient) room() bool {
	const inFlight = 50 // of MQTT
	n := 0
	for _, l := range c.sent {
		if c.model.Holds(l) {
			n++
		}
	}
	return n < inFlight
}

func (c *historyClient) wantNothing() { c.WantNothing() }

func (c *historyClient) receive() {
	c.t.Helper()
	if len(c.In) == 0 {
		c.t.Fatal("over MQTT came nothing, want a message")
	}
	p := mqttclient.Want[*mqttwire.Publish](c.Client)
	m := c.wantMessage("MQTT", mqttclient.MessageID(p), "")
	if p.Dup && !c.seen[m.Name] {
		c.t.Fatalf("%s is a duplicate and came never before", m.Name)
	}
	c.seen[m.Name] = true
	c.sent[p.ID] = c.model.Take(m, c.model.Lock)
}
