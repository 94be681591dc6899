package conformance_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/conformance"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/throttle"
)

// TestThrottledHub holds the beliefs against a hub with the limits of one S1 unit, at
// the pace of one, and as fast as it can. Either way the verdicts are the same.
func TestThrottledHub(t *testing.T) {
	t.Parallel()
	for name, perMinute := range map[string]int{"at its pace": 0, "too fast": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, localhub.Options{FeedbackInterval: faithful, Throttle: throttle.Size{Tier: throttle.S1, Units: 1}}, func(t *testing.T, w *world) {
				report := w.run(&conformance.Options{PerMinute: perMinute})
				checkDiffering(t, report, nil)
				if perMinute == 0 {
					checkBounds(t, report)
				}
			})
		})
	}
}

// TestThrottlingHub holds the beliefs against a hub that takes fewer messages than the
// run sends at its pace. The run waits where it is told to, keeps its bounds, and
// comes to the same verdicts.
func TestThrottlingHub(t *testing.T) {
	t.Parallel()
	inWorld(t, localhub.Options{FeedbackInterval: faithful}, func(t *testing.T, w *world) {
		w.plain()
		limit := &sendLimit{perMinute: 30, began: time.Now()}
		w.target.Dial = (&proxy{bend{frame: limit.bend}, w.dial, &w.served}).Dial
		report := w.run(nil)
		checkDiffering(t, report, nil)
		checkBounds(t, report)
		if limit.refused == 0 {
			t.Error("the hub has refused nothing")
		}
	})
}

// sendLimit lets so many messages to devices pass in a minute, over all connections.
// What comes on top goes to a device that is not there, and its refusal is reworded.
type sendLimit struct {
	perMinute int
	began     time.Time

	mu              sync.Mutex
	passed, refused int
}

// take reports whether one more may pass.
func (s *sendLimit) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.passed < s.perMinute+int(time.Since(s.began).Minutes()*float64(s.perMinute)) {
		s.passed++
		return true
	}
	s.refused++
	return false
}

func (s *sendLimit) bend() frameBend {
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
		if m == nil || fromHub || !strings.HasPrefix(m.Properties.To, "/") || s.take() {
			return false
		}
		tooMuch[*f.Body.(*amqpwire.Transfer).DeliveryID] = true
		return changeMessage(f, func(m *amqpwire.Message) bool {
			m.Properties.To, m.Properties.AbsoluteExpiryTime = "/devices/nobody/messages/devicebound", nil
			return true
		})
	}
}
