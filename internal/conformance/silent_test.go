package conformance_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/conformance"
	"iothub-c2d/internal/localhub"
)

// deafConn passes nothing on from some time on, and does not end.
type deafConn struct {
	net.Conn
	from time.Time
}

func (d *deafConn) Write(p []byte) (int, error) {
	if time.Now().After(d.from) {
		return len(p), nil
	}
	return d.Conn.Write(p)
}

// TestSilentHub checks that a run with a hub that falls silent ends within its bounds,
// and tells what it could not try, and what it may have left.
func TestSilentHub(t *testing.T) {
	t.Parallel()
	inWorld(t, localhub.Options{FeedbackInterval: faithful}, func(t *testing.T, w *world) {
		silence := time.Now().Add(30 * time.Second)
		w.target.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := w.dial(ctx, network, address)
			return &deafConn{c, silence}, err
		}
		report := w.run(nil)
		if report.Took > 10*time.Minute {
			t.Errorf("it took %s", report.Took)
		}
		if n := report.Count(conformance.Untried) + report.Count(conformance.Differs); n == 0 || n == len(report.Results) {
			t.Errorf("%d of %d beliefs do not hold, want some", n, len(report.Results))
		}
		if !strings.Contains(report.Left, "remove device conformance-") {
			t.Errorf("left: %q, want the devices that could not be removed", report.Left)
		}
	})
}
