package localhub

import (
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// sendC2D sends a message over the wire and returns why it was refused, nil if
// it was taken.
func (c *raw) sendC2D(m *amqpwire.Message) *amqpwire.Error {
	c.T.Helper()
	c.sendBytes(rawclient.Encode(c.T, m))
	d := wantAfterFlows[*amqpwire.Disposition](c)
	if d.Role != amqpwire.RoleReceiver || !d.Settled || d.First != 0 {
		c.T.Fatalf("disposition %+v, want delivery 0 settled", d)
	}
	switch state := d.State.(type) {
	case *amqpwire.Accepted:
		return nil
	case *amqpwire.Rejected:
		if state.Error == nil {
			c.T.Fatal("rejected without a reason")
		}
		return state.Error
	}
	c.T.Fatalf("state %T", d.State)
	return nil
}

// sendBytes sends an encoded message in frames of 60000 bytes.
func (c *raw) sendBytes(b []byte) {
	c.T.Helper()
	for id := new(uint32); ; id = nil {
		n := min(len(b), 60_000)
		c.Send(0, &amqpwire.Transfer{DeliveryID: id, More: n < len(b)}, b[:n]...)
		if b = b[n:]; len(b) == 0 {
			return
		}
	}
}

// TestSendRules checks what IoT Hub takes in a message, and what it says of
// what it does not take.
func TestSendRules(t *testing.T) {
	t.Parallel()
	id := func(id any) func(*amqpwire.Message) {
		return func(m *amqpwire.Message) { m.Properties.MessageID = id }
	}
	to := func(to string) func(*amqpwire.Message) {
		return func(m *amqpwire.Message) { m.Properties.To = to }
	}
	property := func(name, value any) func(*amqpwire.Message) {
		return func(m *amqpwire.Message) { m.ApplicationProperties = amqpwire.Map{{Key: name, Value: value}} }
	}
	expires := func(d time.Duration) func(*amqpwire.Message) {
		return func(m *amqpwire.Message) {
			m.Properties.AbsoluteExpiryTime = new(amqpwire.NewTimestamp(time.Now().Add(d)))
		}
	}
	const argument, tooLarge = condArgument, amqpserver.CondTooLarge
	for _, test := range []struct {
		name      string
		edit      func(*amqpwire.Message)
		condition amqpwire.Symbol
		code      int
	}{
		{"plain", func(*amqpwire.Message) {}, "", 0},
		{"no id", id(nil), "", 0},
		{"empty id", id(""), "", 0},
		{"UUID id", id(amqpwire.UUID{1}), "", 0},
		{"number id", id(uint64(7)), "", 0},
		{"binary id", id([]byte("abc")), "", 0},
		{"all that an id may hold", id("AZaz09-:.+%_#*?!(),=@;$'"), "", 0},
		{"id of 128", id(strings.Repeat("i", 128)), "", 0},
		{"id of 129", id(strings.Repeat("i", 129)), argument, 400004},
		{"space in id", id("a b"), argument, 400004},
		{"slash in id", id("a/b"), argument, 400004},
		{"umlaut in id", id("ä"), argument, 400004},
		{"line end in id", id("a\n"), argument, 400004},
		{"binary id with zeros", id([]byte{0}), argument, 400004},
		{"binary id of 129", id(make([]byte, 129)), argument, 400004},

		{"to another device", to("/devices/dev2/messages/devicebound"), "", 0},
		{"to a module", to("/devices/dev1/modules/m/messages/deviceBound"), "", 0},
		{"absolute to", to("amqps://h:5671/devices/dev1/messages/devicebound"), "", 0},
		{"encoded to", to("/devices/%64ev1/messages/devicebound"), "", 0},
		{"unknown device", to("/devices/nobody/messages/devicebound"), amqpserver.CondNotFound, 404001},
		{"device in another case", to("/devices/DEV1/messages/devicebound"), amqpserver.CondNotFound, 404001},
		{"module of unknown device", to("/devices/nobody/modules/m/messages/devicebound"), amqpserver.CondNotFound, 404001},
		{"no to", to(""), amqpserver.CondNotAllowed, 400003},
		{"to the link itself", to("/messages/deviceBound"), amqpserver.CondNotAllowed, 400003},
		{"to the link itself, absolute", to("amqps://h:5671/messages/devicebound"), amqpserver.CondNotAllowed, 400003},
		{"bare id", to("dev1"), argument, 400004},
		{"to telemetry", to("/devices/dev1/messages/events"), argument, 400004},
		{"no properties", func(m *amqpwire.Message) { m.Properties = nil }, amqpserver.CondNotAllowed, 400003},

		{"property", property("AZaz09!#$%&'*+-.^_`|~", "any välue \n"), "", 0},
		{"number property", property("n", int32(1)), "", 0},
		{"empty property name", property("", "x"), argument, 400004},
		{"space in property name", property("a b", "x"), argument, 400004},
		{"umlaut in property name", property("ä", "x"), argument, 400004},
		{"slash in property name", property("a/b", "x"), argument, 400004},
		{"colon in property name", property("a:b", "x"), argument, 400004},
		{"symbol as property name", property(amqpwire.Symbol("a"), "x"), argument, 400004},
		{"number as property name", property(int32(1), "x"), argument, 400004},
		{"ack none", property("iothub-ack", "none"), "", 0},
		{"ack full", property("iothub-ack", "full"), "", 0},
		{"ack of the Java SDK", property("iothub-ack", "negativeonly"), "", 0},
		{"other ack of the Java SDK", property("iothub-ack", "positiveonly"), "", 0},
		{"ack Full", property("iothub-ack", "Full"), argument, 400004},
		{"ack yes", property("iothub-ack", "yes"), argument, 400004},

		{"expires in a while", expires(time.Minute), "", 0},
		{"expires at once", expires(time.Millisecond), "", 0},
		{"expires now", expires(0), amqpserver.CondNotAllowed, 403009},
		{"expired", expires(-time.Hour), amqpserver.CondNotAllowed, 403009},
		{"expires in year 1", func(m *amqpwire.Message) { m.Properties.AbsoluteExpiryTime = new(amqpwire.Timestamp(-62135596800000)) }, "", 0},
		{"expires in 1970", func(m *amqpwire.Message) { m.Properties.AbsoluteExpiryTime = new(amqpwire.Timestamp(1)) }, amqpserver.CondNotAllowed, 403009},
		{"expires at the end of time", func(m *amqpwire.Message) { m.Properties.AbsoluteExpiryTime = new(amqpwire.Timestamp(1<<63 - 1)) }, "", 0},

		{"no body", func(m *amqpwire.Message) { m.Data = nil }, "", 0},
		{"text body", func(m *amqpwire.Message) { m.Data, m.Value = nil, "text" }, "", 0},
		{"large body", func(m *amqpwire.Message) { m.Data[0] = make([]byte, 70_000) }, tooLarge, 413001},
		{"large text body", func(m *amqpwire.Message) { m.Data, m.Value = nil, strings.Repeat("t", 65_536) }, tooLarge, 413001},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.service()
				c.Sender(0, serviceAddress)
				m := c2d("m1")
				test.edit(m)
				refused := rawclient.WantCondition(t, "outcome", c.sendC2D(m), test.condition)
				if refused != nil {
					wantHubError(t, refused, test.code)
				}
				if refused := c.sendC2D(c2d("next")); refused != nil {
					t.Errorf("the next message: %v", refused) // the link is still up
				}
			})
		})
	}
}

// TestSizeLimit checks, part by part, what counts towards 64 KB.
func TestSizeLimit(t *testing.T) {
	t.Parallel()
	filler := strings.Repeat("f", 1000)
	for name, edit := range map[string]func(*amqpwire.Message) (counted int){
		"body": func(*amqpwire.Message) int { return 0 },
		"data sections": func(m *amqpwire.Message) int {
			m.Data = append(m.Data, []byte(filler))
			return 1000
		},
		"property": func(m *amqpwire.Message) int {
			m.ApplicationProperties = amqpwire.Map{{Key: "name", Value: filler}}
			return 1004
		},
		"number property": func(m *amqpwire.Message) int {
			m.ApplicationProperties = amqpwire.Map{{Key: "name", Value: int32(1234)}}
			return 8
		},
		"ack": func(m *amqpwire.Message) int {
			m.ApplicationProperties = amqpwire.Map{{Key: "iothub-ack", Value: "full"}}
			return 14
		},
		"message id": func(m *amqpwire.Message) int {
			m.Properties.MessageID = amqpwire.UUID{}
			return 36
		},
		"system properties": func(m *amqpwire.Message) int {
			p := m.Properties
			p.CorrelationID, p.UserID, p.ContentType, p.ContentEncoding = filler, []byte(filler), "type", "utf-8"
			p.Subject, p.ReplyTo, p.GroupID, p.ReplyToGroupID = filler, "r", "g", "rg"
			return 3000 + 4 + 5 + 4
		},
		"times and numbers": func(m *amqpwire.Message) int {
			m.Properties.CreationTime, m.Properties.GroupSequence = new(amqpwire.Timestamp(1)), new(uint32(1))
			return 0
		},
		"annotations and header": func(m *amqpwire.Message) int {
			m.Annotations = amqpwire.Map{{Key: amqpwire.Symbol("a"), Value: filler}}
			m.Header = &amqpwire.Header{Durable: true}
			return 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.service()
				c.Sender(0, serviceAddress)
				m := c2d("")
				rest := 65536 - edit(m) - len(m.Properties.To)
				m.Data[0] = make([]byte, rest)
				if refused := c.sendC2D(m); refused != nil {
					t.Errorf("65536 bytes: %v", refused)
				}
				m.Data[0] = make([]byte, rest+1)
				wantHubError(t, rawclient.WantCondition(t, "65537 bytes", c.sendC2D(m), amqpserver.CondTooLarge), int(broker.TooLarge))
			})
		})
	}
}
