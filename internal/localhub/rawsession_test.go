package localhub

import (
	"encoding/json"
	"fmt"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
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
	c.Open(&amqpwire.Open{ContainerID: "raw", Hostname: testHost})
	return c
}

// begun returns a client with an open session on channel 0 with windows of
// 5000.
func (w *world) begun() *raw {
	w.t.Helper()
	c := w.opened()
	c.Begin(0, 5000)
	return c
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
	c.Open(&amqpwire.Open{ContainerID: "raw"})
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
	c.T.Helper()
	c.attachCBS()
	reply := c.request(putTokenRequest(text, "id"))
	if status, _ := reply.ApplicationProperties.Get("status-code"); status != int32(200) {
		c.T.Fatalf("put-token: %v", reply.ApplicationProperties)
	}
	for _, handle := range []uint32{cbsSender, cbsReceiver} {
		c.Send(0, &amqpwire.Detach{Handle: handle, Closed: true})
		want[*amqpwire.Detach](c)
	}
}

func (c *raw) attachCBS() {
	c.T.Helper()
	c.Sender(cbsSender, "$cbs")
	c.Receiver(cbsReceiver, "$cbs")
	c.Credit(cbsReceiver, 0, 100)
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
	c.T.Helper()
	c.transfer(&amqpwire.Transfer{Handle: cbsSender}, m)
	if d := want[*amqpwire.Disposition](c); !d.Settled || d.Role != amqpwire.RoleReceiver {
		c.T.Fatalf("the request was answered with %+v", d)
	}
	t, payload := c.WantTransfer()
	c.Settle(*t.DeliveryID, &amqpwire.Accepted{})
	return rawclient.Decode(c.T, payload)
}

// transfer sends a message in one frame. What t leaves out is filled in.
func (c *raw) transfer(t *amqpwire.Transfer, m *amqpwire.Message) {
	c.T.Helper()
	c.Transfer(t, rawclient.Encode(c.T, m))
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
	message, err := amqpfront.Codec{}.Decode(rawclient.Encode(w.t, m))
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
	c.Receiver(0, deviceAddress)
	c.Credit(0, 0, credit)
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
