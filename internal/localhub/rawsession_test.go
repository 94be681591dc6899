package localhub

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/address"
	"iothub-c2d/internal/localhub/amqpfront"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// What the raw client does in every test but the one that is about it.

// opened returns a client with an open connection.
func (w *world) opened() *raw {
	w.t.Helper()
	c := w.connect()
	c.open(&amqpwire.Open{ContainerID: "raw", Hostname: testHost})
	return c
}

func (c *raw) open(o *amqpwire.Open) *amqpwire.Open {
	c.t.Helper()
	c.sendHeader(amqpwire.HeaderAMQP)
	c.send(0, o)
	if got := c.next().header; got != amqpwire.HeaderAMQP {
		c.t.Fatalf("header %q, want AMQP's", got[:])
	}
	return want[*amqpwire.Open](c)
}

// begun returns a client with an open session on channel 0 with windows of
// 5000.
func (w *world) begun() *raw {
	w.t.Helper()
	c := w.opened()
	c.begin(0, 5000)
	return c
}

func (c *raw) begin(channel uint16, window uint32) *amqpwire.Begin {
	c.t.Helper()
	c.send(channel, &amqpwire.Begin{IncomingWindow: window, OutgoingWindow: 5000})
	return want[*amqpwire.Begin](c)
}

// The handles of the $cbs links, out of the way of the tests'.
const (
	cbsSender   = 1001
	cbsReceiver = 1002
)

// service returns a client that may do what a back end may.
func (w *world) service() *raw {
	w.t.Helper()
	c := w.begun()
	c.putToken(token("service", testHost, time.Hour))
	return c
}

// loggedIn returns a client with an open connection that may do what a back end
// may.
func (w *world) loggedIn(g Gateway) *raw {
	w.t.Helper()
	c := w.connect()
	response := "\x00service@sas.root.myhub\x00" + token("service", testHost, time.Hour)
	c.sasl(g, &amqpwire.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte(response)})
	c.open(&amqpwire.Open{ContainerID: "raw"})
	return c
}

// device returns a client that may do what a device may.
func (w *world) device(id string) *raw {
	w.t.Helper()
	c := w.begun()
	c.putToken(token("", testHost+"/devices/"+id, time.Hour))
	return c
}

func token(policy, resource string, life time.Duration) string {
	return sas.NewToken(defaults.Key(), resource, policy, time.Now().Add(life)).Reveal()
}

// putToken puts a token that must be accepted, and detaches from $cbs again.
func (c *raw) putToken(text string) {
	c.t.Helper()
	c.attachCBS()
	reply := c.request(putTokenRequest(text, "id"))
	if status, _ := reply.ApplicationProperties.Get("status-code"); status != int32(200) {
		c.t.Fatalf("put-token: %v", reply.ApplicationProperties)
	}
	for _, handle := range []uint32{cbsSender, cbsReceiver} {
		c.send(0, &amqpwire.Detach{Handle: handle, Closed: true})
		want[*amqpwire.Detach](c)
	}
}

func (c *raw) attachCBS() {
	c.t.Helper()
	c.sender(cbsSender, "$cbs")
	c.receiver(cbsReceiver, "$cbs")
	c.credit(cbsReceiver, 0, 100)
}

func putTokenRequest(text string, id any) *amqpwire.Message {
	return &amqpwire.Message{
		Properties: &amqpwire.Properties{MessageID: id},
		ApplicationProperties: amqpwire.Map{
			{Key: "operation", Value: "put-token"},
			{Key: "type", Value: "servicebus.windows.net:sastoken"},
			{Key: "name", Value: testHost},
		},
		Value: text,
	}
}

// request sends a $cbs request and returns the reply, which it settles.
func (c *raw) request(m *amqpwire.Message) *amqpwire.Message {
	c.t.Helper()
	c.transfer(&amqpwire.Transfer{Handle: cbsSender}, m)
	if d := want[*amqpwire.Disposition](c); !d.Settled || d.Role != amqpwire.RoleReceiver {
		c.t.Fatalf("the request was answered with %+v", d)
	}
	t, payload := c.wantTransfer()
	c.settle(*t.DeliveryID, &amqpwire.Accepted{})
	return decode(c.t, payload)
}

func decode(t testing.TB, payload []byte) *amqpwire.Message {
	t.Helper()
	m, err := amqpwire.DecodeMessage(payload)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func encode(t testing.TB, m *amqpwire.Message) []byte {
	t.Helper()
	b, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sender attaches a link to send on, which must succeed.
func (c *raw) sender(handle uint32, address string) *amqpwire.Attach {
	c.t.Helper()
	c.send(0, senderAttach(handle, address))
	a := want[*amqpwire.Attach](c)
	if a.Target == nil {
		c.t.Fatalf("attach to %q refused: %v", address, want[*amqpwire.Detach](c).Error)
	}
	want[*amqpwire.Flow](c)
	return a
}

func senderAttach(handle uint32, address string) *amqpwire.Attach {
	return &amqpwire.Attach{
		Name: "out", Handle: handle, Role: amqpwire.RoleSender,
		Source: &amqpwire.Source{}, Target: &amqpwire.Target{Address: address},
		InitialDeliveryCount: new(uint32),
	}
}

// receiver attaches a link to receive on, which must succeed.
func (c *raw) receiver(handle uint32, address string) *amqpwire.Attach {
	c.t.Helper()
	c.send(0, receiverAttach(handle, address))
	a := want[*amqpwire.Attach](c)
	if a.Source == nil {
		c.t.Fatalf("attach to %q refused: %v", address, want[*amqpwire.Detach](c).Error)
	}
	return a
}

func receiverAttach(handle uint32, address string) *amqpwire.Attach {
	return &amqpwire.Attach{
		Name: "in", Handle: handle, Role: amqpwire.RoleReceiver,
		Source: &amqpwire.Source{Address: address}, Target: &amqpwire.Target{},
	}
}

// credit grants credit, at a delivery-count, and a session window of 5000.
func (c *raw) credit(handle, count, credit uint32) {
	c.t.Helper()
	c.send(0, &amqpwire.Flow{
		NextIncomingID: new(uint32(1)), IncomingWindow: 1 << 20, OutgoingWindow: 5000,
		Handle: &handle, DeliveryCount: &count, LinkCredit: &credit,
	})
}

// transfer sends a message in one frame. What t leaves out is filled in.
func (c *raw) transfer(t *amqpwire.Transfer, m *amqpwire.Message) {
	c.t.Helper()
	if t.DeliveryID == nil {
		t.DeliveryID = new(uint32)
	}
	if t.DeliveryTag == nil {
		t.DeliveryTag = []byte("tag")
	}
	c.send(0, t, encode(c.t, m)...)
}

// settle settles a delivery as a receiver that expects no answer.
func (c *raw) settle(id uint32, state amqpwire.DeliveryState) {
	c.t.Helper()
	c.send(0, &amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: id, Settled: true, State: state})
}

// c2d returns a message to dev1.
func c2d(id string) *amqpwire.Message {
	return &amqpwire.Message{
		Properties: &amqpwire.Properties{MessageID: id, To: "/devices/dev1/messages/devicebound"},
		Data:       [][]byte{[]byte("body of " + id)},
	}
}

// enqueue puts messages for dev1 on its queue, past the network.
func (w *world) enqueue(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		w.put(c2d(id))
	}
}

// put is enqueue, of any message.
func (w *world) put(m *amqpwire.Message) {
	w.t.Helper()
	message, err := amqpfront.Codec{}.Decode(encode(w.t, m))
	if err == nil {
		to, _ := address.Recipient(m.Properties.To)
		mailbox, _ := w.hub.broker.Mailbox(to)
		err = mailbox.Put(message)
	}
	if err != nil {
		w.t.Fatalf("enqueue %+v: %v", m.Properties, err)
	}
}

// queueOf returns a device's queue.
func (w *world) queueOf(device string) *broker.Queue {
	w.t.Helper()
	m, refused := w.hub.broker.Mailbox(broker.ID{Device: device})
	if refused != nil {
		w.t.Fatal(refused)
	}
	return m.Queue
}

// listening returns dev1 with a receiver of the given credit on handle 0.
func (w *world) listening(credit uint32) *raw {
	w.t.Helper()
	c := w.device("dev1")
	c.receiver(0, deviceAddress)
	c.credit(0, 0, credit)
	return c
}

// report puts a feedback message on the queue of the back ends, about one message.
func (w *world) report(id string) {
	w.t.Helper()
	body, err := json.Marshal([]record{{id, "Success", broker.StatusSuccess}})
	if err == nil {
		err = w.hub.broker.Feedback().Put(&broker.Message{Body: body})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// idOf returns a message's id as feedback spells it.
func idOf(m *amqpwire.Message) string { return fmt.Sprint(m.Properties.MessageID) }

// The limits of the hub, as its documentation lists them.
const (
	maxLinks       = 5000
	maxReplies     = 1000
	maxModules     = 50
	maxID          = 128
	maxMessage     = 262144
	maxPutToken    = 1 << 20
	maxPartial     = 8 << 20
	handleMax      = 262143
	incomingWindow = 5000
	batchFormat    = 0x80013700
	writeTimeout   = time.Minute
	closeGrace     = 2 * time.Second
)

// The conditions that are Microsoft's own.
const (
	condArgument amqpwire.Symbol = "com.microsoft:argument-error"
	condLockLost amqpwire.Symbol = "com.microsoft:message-lock-lost"
)

const (
	deviceAddress   = "/devices/dev1/messages/devicebound"
	serviceAddress  = "/messages/devicebound"
	feedbackAddress = "/messages/servicebound/feedback"
	eventsAddress   = "/devices/dev1/messages/events"
)

func names(from, to int) (list []string) {
	for i := from; i <= to; i++ {
		list = append(list, fmt.Sprint("m", i))
	}
	return list
}
