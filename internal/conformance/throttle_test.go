package conformance_test

import (
	"testing"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub"
)

// TestThrottlingHub holds the beliefs against a hub that takes fewer messages than the
// run sends at its pace. The run waits where it is told to, keeps its bounds, and
// comes to the same verdicts.
func TestThrottlingHub(t *testing.T) {
	t.Parallel()
	inWorld(t, localhub.Options{FeedbackInterval: faithful}, func(t *testing.T, w *world) {
		w.plain()
		refused := 0
		w.target.Dial = (&proxy{bend{frame: throttled(30, &refused)}, w.dial, &w.served}).Dial
		report := w.run(nil)
		checkDiffering(t, report, nil)
		checkBounds(t, report)
		if refused == 0 {
			t.Error("the hub has refused nothing")
		}
	})
}

// throttled lets so many messages to devices pass in a minute, over all connections.
// What comes on top goes to a device that is not there, and its refusal is reworded.
func throttled(perMinute int, refused *int) func() frameBend {
	began, passed := time.Now(), 0
	return func() frameBend {
		tooMuch := make(map[uint32]bool) // by delivery-id
		return func(fromHub bool, f *amqpwire.Frame) bool {
			if d, ok := f.Body.(*amqpwire.Disposition); ok && fromHub && d.Role == amqpwire.RoleReceiver && tooMuch[d.First] {
				delete(tooMuch, d.First)
				d.State = &amqpwire.Rejected{Error: &amqpwire.Error{
					Condition: "com.microsoft:device-container-throttled", Description: `{"errorCode":429001,"message":"Throttled."}`,
				}}
				return true
			}
			m := messageIn(f)
			if m == nil || fromHub || m.Properties.To == "" || m.Properties.To[0] != '/' {
				return false
			}
			allowed := perMinute + int(time.Since(began).Minutes()*float64(perMinute))
			if passed < allowed {
				passed++
				return false
			}
			*refused++
			tooMuch[*f.Body.(*amqpwire.Transfer).DeliveryID] = true
			return changeMessage(f, func(m *amqpwire.Message) bool {
				m.Properties.To, m.Properties.AbsoluteExpiryTime = "/devices/nobody/messages/devicebound", nil
				return true
			})
		}
	}
}
