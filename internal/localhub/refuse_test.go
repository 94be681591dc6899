package localhub

import (
	"encoding/json"
	"regexp"
	"testing"

	"iothub-c2d/internal/amqpwire"
)

// wantRefused sends an attach that the hub must refuse.
func (c *raw) wantRefused(a *amqpwire.Attach, condition amqpwire.Symbol) *amqpwire.Error {
	c.t.Helper()
	c.send(0, a)
	reply := want[*amqpwire.Attach](c)
	if a.Role == amqpwire.RoleSender && reply.Target != nil || a.Role == amqpwire.RoleReceiver && reply.Source != nil {
		c.t.Fatalf("attach = %+v, want it without the hub's terminus", reply)
	}
	detach := want[*amqpwire.Detach](c)
	if detach.Handle != a.Handle || !detach.Closed {
		c.t.Errorf("detach = %+v, want handle %d closed", detach, a.Handle)
	}
	refused := wantCondition(c.t, "detach", detach.Error, condition)
	c.send(0, &amqpwire.Detach{Handle: a.Handle, Closed: true})
	c.wantNothing()
	return refused
}

// wantHubError checks the form of an error of the hub's: JSON with its code and
// a tracking id, which is also in info.
func wantHubError(t testing.TB, e *amqpwire.Error, code int) {
	t.Helper()
	var d struct {
		ErrorCode    int
		TrackingID   string
		Message      string
		TimestampUTC string
	}
	if err := json.Unmarshal([]byte(e.Description), &d); err != nil {
		t.Fatalf("description %q: %v", e.Description, err)
	}
	if d.ErrorCode != code || d.Message == "" {
		t.Errorf("description %s, want code %d and a message", e.Description, code)
	}
	if !trackingIDs.MatchString(d.TrackingID) || !timestamps.MatchString(d.TimestampUTC) {
		t.Errorf("tracking id %q, time %q", d.TrackingID, d.TimestampUTC)
	}
	if got := e.Info.String("com.microsoft:tracking-id"); got != d.TrackingID {
		t.Errorf("tracking id %q in info, %q in the description", got, d.TrackingID)
	}
}

var (
	trackingIDs = regexp.MustCompile(`^[0-9A-F]{32}-G:0-TimeStamp:\d\d/\d\d/\d{4} \d\d:\d\d:\d\d$`)
	timestamps  = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$`)
)
