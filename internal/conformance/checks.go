package conformance

import (
	"context"
	"strings"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// check is a belief about whether the hub takes a certain message.
type check struct {
	Belief
	change func(t *trial, m *amqpwire.Message) // of one that it takes
}

const (
	argumentError = "com.microsoft:argument-error (400004)"
	notAllowed    = "amqp:not-allowed (400003)"

	choiceRecipient = "A message without a recipient, or to /messages/devicebound, is refused with amqp:not-allowed (400003)"
	choiceSyntax    = "Message ids, module ids and property names are checked, device ids and property values are not, except for their types."
	choiceKeys      = "keys of annotations and of the footer that are neither symbol nor ulong"
	choiceMapKeys   = "keys of maps inside of these or of the body that are null, binary or compound"
	choiceValues    = "application properties and message annotations whose values are lists, maps, arrays or described"
)

// recipientChecks are about where a message goes.
var recipientChecks = []check{
	{
		Belief{Name: "a message to a device that is not registered is refused", Source: docErrors, Local: "amqp:not-found (404001)"},
		func(t *trial, m *amqpwire.Message) {
			m.Properties.To = "/devices/" + t.id("nobody") + "/messages/devicebound"
		},
	},
	{
		Belief{Name: "a message without a recipient is refused", Source: "InvalidOperation in ErrorCode.cs of the C# SDK, and inference", Choice: choiceRecipient, Local: notAllowed},
		func(_ *trial, m *amqpwire.Message) { m.Properties.To = "" },
	},
	{
		Belief{Name: "a message to /messages/devicebound is refused", Source: Inference, Choice: choiceRecipient, Local: notAllowed},
		func(_ *trial, m *amqpwire.Message) { m.Properties.To = "/messages/devicebound" },
	},
	{
		Belief{
			Name: "a message to what is no device's address is refused", Source: Inference,
			Choice: "one whose recipient is no device's address, with com.microsoft:argument-error (400004)", Local: argumentError,
		},
		func(t *trial, m *amqpwire.Message) { m.Properties.To = t.subject.path() },
	},
	{
		Belief{
			Name: "the id of the device may be percent-encoded in a recipient", Source: "WebUtility.UrlEncode in the C# SDK, encodeURIComponent in the Node SDK",
			Choice: "A percent sign in an address begins an encoded character if it can, since some SDKs encode ids.", Local: accepted,
		},
		func(t *trial, m *amqpwire.Message) {
			m.Properties.To = "/devices/" + strings.ReplaceAll(t.subject.id(), "-", "%2D") + "/messages/deviceBound"
		},
	},
}

// syntaxChecks are about ids, names and values.
var syntaxChecks = []check{
	{
		Belief{Name: "a message id may be missing", Source: docMessages, Choice: "A message id may be missing", Local: accepted},
		func(_ *trial, m *amqpwire.Message) { m.Properties.MessageID = nil },
	},
	{
		Belief{Name: "a message id of 129 characters is refused", Source: docMessages + ", the condition is inferred", Choice: choiceSyntax, Local: argumentError},
		func(_ *trial, m *amqpwire.Message) { m.Properties.MessageID = strings.Repeat("i", 129) },
	},
	{
		Belief{Name: "a message id with a space is refused", Source: docMessages + ", the condition is inferred", Choice: choiceSyntax, Local: argumentError},
		func(t *trial, m *amqpwire.Message) { m.Properties.MessageID = t.id("a b") },
	},
	{
		Belief{Name: "a message id may be a uuid", Source: "amqp_message.ts of the Node SDK", Local: accepted},
		func(_ *trial, m *amqpwire.Message) { m.Properties.MessageID = amqpwire.UUID{1} },
	},
	{
		Belief{Name: "a property name with a space is refused", Source: docMessages + ", the condition is inferred", Choice: choiceSyntax, Local: argumentError},
		property("a b", "value"),
	},
	{
		Belief{Name: "a property value may hold any character", Source: Inference + "; the documents allow some of ASCII", Choice: choiceSyntax, Local: accepted},
		property("name", "ä \u2603"),
	},
	{
		Belief{Name: "a null property is taken", Source: Inference, Choice: choiceSyntax, Local: accepted},
		property("name", nil),
	},
	{
		Belief{Name: "a property that is a list is refused", Source: "AMQP 1.0 part 3 §3.2.5, the condition is inferred", Choice: choiceValues, Local: argumentError},
		property("name", amqpwire.List{int32(1)}),
	},
	{
		Belief{Name: "a message annotation that is a list is refused", Source: Inference, Choice: choiceValues, Local: argumentError},
		func(_ *trial, m *amqpwire.Message) {
			m.Annotations = amqpwire.Map{{Key: amqpwire.Symbol("x-opt-list"), Value: amqpwire.List{int32(1)}}}
		},
	},
	{
		Belief{Name: "a message annotation whose key is a string is refused", Source: "AMQP 1.0 part 3 §3.2.10, the condition is inferred", Choice: choiceKeys, Local: argumentError},
		func(_ *trial, m *amqpwire.Message) { m.Annotations = amqpwire.Map{{Key: "x-opt-text", Value: "value"}} },
	},
	{
		Belief{Name: "a body with a map that has a null key is refused", Source: Inference, Choice: choiceMapKeys, Local: argumentError},
		func(_ *trial, m *amqpwire.Message) { m.Data, m.Value = nil, amqpwire.Map{{Key: nil, Value: "value"}} },
	},
	{
		Belief{Name: "a body that is one value is taken", Source: Inference, Choice: "A body that is not made of data sections counts as encoded.", Local: accepted},
		func(_ *trial, m *amqpwire.Message) { m.Data, m.Value = nil, "text" },
	},
}

// ackChecks are about what the sender wants to hear, and until when.
var ackChecks = []check{
	{
		Belief{Name: "the ack modes are case-sensitive", Source: Inference, Choice: "The ack modes are case-sensitive.", Local: argumentError},
		property("iothub-ack", "Full"),
	},
	{
		Belief{
			Name: "the Java SDK's positiveonly is an ack mode", Source: "the Java SDK's service client sends it",
			Choice: "Those of the Java SDK, negativeonly and positiveonly, are taken for negative and positive.", Local: accepted,
		},
		property("iothub-ack", "positiveonly"),
	},
	{
		Belief{Name: "an ack mode that is a number is none", Source: Inference, Choice: "One that is neither a string nor a symbol is none.", Local: accepted},
		property("iothub-ack", int32(1)),
	},
	{
		Belief{Name: "an expiry in the past is refused", Source: docErrors + ": 403009, the condition is inferred", Choice: "An expiry in the past is refused.", Local: "amqp:not-allowed (403009)"},
		func(t *trial, m *amqpwire.Message) { expiry(time.Now().Add(-time.Hour))(t, m) },
	},
	{
		Belief{
			Name: "an expiry in year 1 means none", Source: "clients in .NET send it, seen on the wire",
			Choice: "One before 1970 means none, as clients in .NET send year 1 for that.", Local: accepted,
		},
		expiry(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)),
	},
	{
		Belief{Name: "an expiry after year 9999 is taken", Source: Inference, Choice: "One after 9999 counts as the end of that year.", Local: accepted},
		expiry(time.Date(10000, 1, 2, 0, 0, 0, 0, time.UTC)),
	},
}

func property(name string, value any) func(*trial, *amqpwire.Message) {
	return func(_ *trial, m *amqpwire.Message) { m.ApplicationProperties = amqpwire.Map{{Key: name, Value: value}} }
}

func expiry(at time.Time) func(*trial, *amqpwire.Message) {
	return func(_ *trial, m *amqpwire.Message) { m.Properties.AbsoluteExpiryTime = new(amqpwire.NewTimestamp(at)) }
}

// checkExperiments are one for each group of checks.
var checkExperiments = []experiment{checking(recipientChecks), checking(syntaxChecks), checking(ackChecks)}

// checking returns the experiment that makes some checks.
func checking(checks []check) experiment {
	e := experiment{needs: service | device, sends: len(checks), try: func(ctx context.Context, t *trial) {
		var out *link
		for _, c := range checks {
			m := t.raw("m")
			c.change(t, m)
			text := ""
			out, text = t.sendNext(ctx, out, m)
			t.saw(text)
		}
	}}
	for _, c := range checks {
		e.beliefs = append(e.beliefs, c.Belief)
	}
	return e
}

// raw returns a message for the trial's device, by its name.
func (t *trial) raw(name string) *amqpwire.Message {
	return &amqpwire.Message{
		Properties: &amqpwire.Properties{MessageID: t.id(name), To: t.subject.inbox()},
		Data:       [][]byte{[]byte(name)},
	}
}

// sender returns a link of the back end to send messages on.
func (t *trial) sender(ctx context.Context) *link {
	return t.login(ctx, t.run.token()).mustAttach(ctx, sending(serviceAddress))
}

// sendNext sends one of several messages, on a link that may be nil, and returns the
// link for the next. After a refusal that is none: some cost the link.
func (t *trial) sendNext(ctx context.Context, out *link, m *amqpwire.Message) (next *link, text string) {
	if out == nil {
		out = t.sender(ctx)
	}
	if text = t.sendRaw(ctx, out, m); text != accepted {
		out = nil
	}
	return out, text
}

const serviceAddress = "/messages/devicebound"

// sendRaw sends a message that no client sends, and returns what became of it. If it
// is too much for the hub, it comes again later.
func (t *trial) sendRaw(ctx context.Context, out *link, m *amqpwire.Message) string {
	text, _ := t.sendSettling(ctx, out, func() *amqpwire.Message { return m })
	return text
}

// sendSettling is sendRaw of a message that is made anew each time. It also tells
// whether the hub has settled the message.
func (t *trial) sendSettling(ctx context.Context, out *link, anew func() *amqpwire.Message) (text string, settled bool) {
	for {
		t.reserve(ctx)
		m := anew()
		if id, _ := m.Properties.MessageID.(string); m.ApplicationProperties.String("iothub-ack") == "full" {
			t.run.expect(id)
		}
		if text, settled = out.sendSettling(ctx, m); !strings.HasPrefix(text, conditionThrottled) {
			return text, settled
		}
		t.sends++ // it does not count
		t.run.sendPace.hold(throttlePause)
	}
}

// putShort sends a message that is about to expire, which the hub must take. No client
// does that while it has to wait.
func (t *trial) putShort(ctx context.Context, name string) {
	text, _ := t.sendSettling(ctx, t.sender(ctx), func() *amqpwire.Message {
		m := t.raw(name)
		m.ApplicationProperties = amqpwire.Map{{Key: "iothub-ack", Value: "full"}}
		m.Properties.AbsoluteExpiryTime = new(amqpwire.NewTimestamp(time.Now().Add(t.figures.Expiry)))
		return m
	})
	if text != accepted {
		t.stop("%s", text)
	}
}
