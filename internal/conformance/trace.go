package conformance

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/mqttwire"
)

// trace keeps what was said in an experiment, as lines of text. Several goroutines
// write to it.
type trace struct {
	mu    sync.Mutex
	lines []string
	start time.Time
}

// maxTrace is how many lines are kept, the last ones: several connections may have
// been opened in them.
const maxTrace = 100

func newTrace() *trace { return &trace{start: time.Now()} }

func (t *trace) add(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := fmt.Sprintf("%8.3f ", time.Since(t.start).Seconds()) + fmt.Sprintf(format, args...)
	if t.lines = append(t.lines, line); len(t.lines) > maxTrace {
		t.lines = t.lines[1:]
	}
}

// last returns the lines so far.
func (t *trace) last() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.lines...)
}

// frame tells of a frame. Of a token nothing is shown: the body of a message that is
// one value is left out, and so are the responses of SASL.
func (t *trace) frame(direction string, f amqpwire.Frame) {
	if f.Body == nil {
		return // a sign of life
	}
	text := f.String()
	if body, ok := f.Body.(*amqpwire.Transfer); ok {
		text += " " + payloadText(body, f.Payload)
	}
	t.add("%s %s", direction, text)
}

func payloadText(t *amqpwire.Transfer, payload []byte) string {
	text := fmt.Sprintf("+ %d bytes", len(payload))
	m, err := amqpwire.DecodeMessage(payload)
	if t.More || err != nil {
		return text
	}
	if m.Annotations != nil {
		text += " message-annotations" + amqpwire.Text(m.Annotations)
	}
	if m.Properties != nil {
		text += " " + amqpwire.TextOf(m.Properties)
	}
	if m.ApplicationProperties != nil {
		text += " application-properties" + brief(amqpwire.Text(m.ApplicationProperties))
	}
	return text
}

// packet tells of a packet of MQTT. A password prints as a substitute.
func (t *trace) packet(direction string, p mqttwire.Packet) {
	text := fmt.Sprintf("%T%+v", p, p)
	switch p := p.(type) {
	case *mqttwire.Publish:
		text = fmt.Sprintf("PUBLISH topic %s QoS %d dup %t id %d + %d bytes", brief(p.Topic), p.QoS, p.Dup, p.ID, len(p.Payload))
	case *mqttwire.Connect:
		text = fmt.Sprintf("CONNECT id %q clean %t will %t", p.ClientID, p.CleanSession, p.Will != nil)
	}
	t.add("%s %s", direction, strings.TrimPrefix(text, "*mqttwire."))
}

// brief returns the beginning of a text that is long.
func brief(text string) string {
	const long = 300
	if len(text) <= long {
		return text
	}
	return strings.ToValidUTF8(text[:long], "") + "…"
}
