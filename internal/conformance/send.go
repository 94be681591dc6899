package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
)

// accepted is what is seen of a message that the hub takes.
const accepted = "accepted"

// conditionThrottled is how the hub says that it is too much. Source: the error
// tables of the Node and C# SDKs.
const conditionThrottled = "com.microsoft:device-container-throttled"

// throttlePause is how long a run sends nothing when the hub has said so.
const throttlePause = 10 * time.Second

// refusalText words a refusal, by the condition and the hub's own code.
func refusalText(condition string, code int) string {
	if code == 0 {
		return condition
	}
	return fmt.Sprintf("%s (%d)", condition, code)
}

// errorText is refusalText of what stands in a frame.
func errorText(e *amqpwire.Error) string {
	if e == nil {
		return "no error"
	}
	return refusalText(string(e.Condition), codeOf(e))
}

// codeOf returns the hub's own code, which is in the description, a JSON object.
func codeOf(e *amqpwire.Error) int {
	var d struct{ ErrorCode int }
	_ = json.Unmarshal([]byte(e.Description), &d) // other peers write text
	return d.ErrorCode
}

// reserve takes one of the messages that the experiment may send, at the pace of
// the run.
func (t *trial) reserve(ctx context.Context) {
	if t.sends--; t.sends < 0 {
		t.untried("it sends more messages than it said")
	}
	t.check(t.run.sendPace.wait(ctx))
	t.run.sent.Add(1)
}

// message returns a message for the trial's device, by its name.
func (t *trial) message(name string, ack iothub.Ack) *iothub.Message {
	return &iothub.Message{ID: t.id(name), Ack: ack, Body: []byte(name)}
}

// send sends a message by the client, and returns what became of it.
func (t *trial) send(ctx context.Context, m *iothub.Message) string {
	t.reserve(ctx)
	t.trace.add("-> message %s to the device", m.ID)
	if m.Ack != "" {
		t.run.expect(m.ID)
	}
	err := t.run.service.Send(ctx, t.subject.id(), m)
	var refused *iothub.HubError
	text := accepted
	if errors.As(err, &refused) {
		text = refusalText(refused.Condition, refused.Code)
		t.run.giveUp(m.ID)
	} else {
		t.check(err)
	}
	t.trace.add("<- %s", text)
	return text
}

// put sends messages that the hub must take.
func (t *trial) put(ctx context.Context, messages ...*iothub.Message) {
	for _, m := range messages {
		if text := t.send(ctx, m); text != accepted {
			t.stop("%s", text)
		}
	}
}

// bare takes the addresses off an error of the network: they tell which hub it is.
func bare(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return err
}
