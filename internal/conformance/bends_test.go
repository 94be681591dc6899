package conformance_test

import (
	"bytes"
	"strings"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/mqttwire"
)

// frameBend changes a frame of a connection, and reports whether it did.
type frameBend = func(fromHub bool, f *amqpwire.Frame) bool

// stateless returns a bend of what the hub says that needs to remember nothing.
func stateless(change func(f *amqpwire.Frame) bool) func() frameBend {
	return func() frameBend {
		return func(fromHub bool, f *amqpwire.Frame) bool { return fromHub && change(f) }
	}
}

func firstMode(f *amqpwire.Frame) bool {
	a, ok := f.Body.(*amqpwire.Attach)
	if !ok || a.Source == nil || !strings.HasPrefix(a.Source.Address, "/devices/") {
		return false
	}
	a.RcvSettleMode = new(amqpwire.ReceiverFirst)
	return true
}

// newCondition gives errors another condition.
func newCondition(before, after amqpwire.Symbol) func(f *amqpwire.Frame) bool {
	return func(f *amqpwire.Frame) bool {
		e := errorIn(f.Body)
		if e == nil || e.Condition != before {
			return false
		}
		e.Condition = after
		return true
	}
}

func unknownDeviceNotAllowed(f *amqpwire.Frame) bool {
	_, answer := f.Body.(*amqpwire.Disposition)
	return answer && newCondition("amqp:not-found", "amqp:not-allowed")(f)
}

func errorIn(body amqpwire.Performative) *amqpwire.Error {
	switch body := body.(type) {
	case *amqpwire.Detach:
		return body.Error
	case *amqpwire.Disposition:
		if r, ok := body.State.(*amqpwire.Rejected); ok {
			return r.Error
		}
	}
	return nil
}

// withCount stamps another delivery count.
func withCount(n uint8) func(f *amqpwire.Frame) bool {
	return func(f *amqpwire.Frame) bool {
		return changeMessage(f, func(m *amqpwire.Message) bool {
			for i, p := range m.Annotations {
				if p.Key == amqpwire.Symbol("iothub-deliverycount") {
					m.Annotations[i].Value = n
					return true
				}
			}
			return false
		})
	}
}

// messageIn returns the message in a frame, nil if there is none, or not all of it.
func messageIn(f *amqpwire.Frame) *amqpwire.Message {
	t, ok := f.Body.(*amqpwire.Transfer)
	if !ok || t.More {
		return nil
	}
	m, err := amqpwire.DecodeMessage(f.Payload)
	if err != nil || m.Properties == nil {
		return nil
	}
	return m
}

func changeMessage(f *amqpwire.Frame, change func(m *amqpwire.Message) bool) bool {
	m := messageIn(f)
	if m == nil || !change(m) {
		return false
	}
	b, err := m.Append(nil)
	f.Payload = b
	return err == nil
}

// releasedAnswers answers released to who has released.
func releasedAnswers() frameBend {
	asked := make(map[uint32]bool) // by delivery-id
	return func(fromHub bool, f *amqpwire.Frame) bool {
		d, ok := f.Body.(*amqpwire.Disposition)
		switch {
		case !ok:
			return false
		case !fromHub:
			_, asked[d.First] = d.State.(*amqpwire.Released)
			return false
		case d.Role == amqpwire.RoleReceiver || !asked[d.First]:
			return false
		}
		d.State = &amqpwire.Released{}
		return true
	}
}

// countedDetach counts a delivery on a link that was detached without an error.
func countedDetach() frameBend {
	inHand := make(map[uint32]any) // the id of the last message, by the link's handle
	detached := make(map[any]bool) // ids of messages
	return func(fromHub bool, f *amqpwire.Frame) bool {
		switch body := f.Body.(type) {
		case *amqpwire.Detach:
			if !fromHub && body.Error == nil && inHand[body.Handle] != nil {
				detached[inHand[body.Handle]] = true
			}
		case *amqpwire.Transfer:
			m := messageIn(f)
			if !fromHub || m == nil {
				return false
			}
			id := m.Properties.MessageID
			inHand[body.Handle] = id
			if detached[id] {
				delete(detached, id)
				return withCount(1)(f)
			}
		}
		return false
	}
}

// answering changes the hub's outcome of the messages that fit.
func answering(fits func(m *amqpwire.Message) bool, state amqpwire.DeliveryState) frameBend {
	chosen := make(map[uint32]bool) // by delivery-id
	return func(fromHub bool, f *amqpwire.Frame) bool {
		switch body := f.Body.(type) {
		case *amqpwire.Transfer:
			if m := messageIn(f); !fromHub && m != nil {
				chosen[*body.DeliveryID] = fits(m)
			}
		case *amqpwire.Disposition:
			if fromHub && body.Role == amqpwire.RoleReceiver && chosen[body.First] {
				body.State = state
				return true
			}
		}
		return false
	}
}

func refusedNull() frameBend {
	return answering(func(m *amqpwire.Message) bool {
		return len(m.ApplicationProperties) == 1 && m.ApplicationProperties[0].Value == nil
	}, &amqpwire.Rejected{Error: &amqpwire.Error{Condition: "com.microsoft:argument-error"}})
}

// namedModules gives feedback on a module's message the module's name. Feedback and
// messages share a connection.
func namedModules() frameBend {
	toModules := make(map[string]bool) // ids of messages
	return func(fromHub bool, f *amqpwire.Frame) bool {
		return changeMessage(f, func(m *amqpwire.Message) bool {
			id, _ := m.Properties.MessageID.(string)
			switch {
			case !fromHub && strings.Contains(m.Properties.To, "/modules/"):
				toModules[id] = true
			case fromHub && m.Properties.ContentType == "application/vnd.microsoft.iothub.feedback.json":
				for id := range toModules {
					device := id[:strings.LastIndex(id, "-")]
					if bytes.Contains(m.Data[0], []byte(id)) {
						m.Data[0] = bytes.ReplaceAll(m.Data[0], []byte(`"deviceId":"`+device+`"`), []byte(`"deviceId":"`+device+`/module"`))
						return true
					}
				}
			}
			return false
		})
	}
}

// strictScopes refuses tokens whose scope is in capital letters.
func strictScopes() frameBend {
	refuse := false // the next reply
	return func(fromHub bool, f *amqpwire.Frame) bool {
		return changeMessage(f, func(m *amqpwire.Message) bool {
			if !fromHub {
				token, _ := m.Value.(string)
				refuse = strings.Contains(token, "%2FMESSAGES%2F")
				return false
			}
			for i, p := range m.ApplicationProperties {
				if refuse && p.Key == "status-code" {
					m.ApplicationProperties[i].Value = int32(401)
					return true
				}
			}
			return false
		})
	}
}

func replace(before, after string) func(b []byte) []byte {
	return func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(before), []byte(after)) }
}

func withoutDup(p mqttwire.Packet) {
	if m, ok := p.(*mqttwire.Publish); ok {
		m.Dup = false
	}
}
