package localhub

import (
	"encoding/json"
	"regexp"
	"testing"

	"iothub-c2d/internal/amqpwire"
)

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
