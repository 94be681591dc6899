package conformance_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"iothub-c2d/internal/conformance"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/sas"
)

// TestInterrupted interrupts runs at many moments. Each ends soon, says what it could
// not try any more, and leaves no device, no message and no feedback.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{
		time.Millisecond, time.Second, 5 * time.Second, 12 * time.Second, 20 * time.Second, 31 * time.Second, 45 * time.Second, 60 * time.Second,
	} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			inWorld(t, localhub.Options{Devices: given, FeedbackInterval: faithful}, func(t *testing.T, w *world) {
				checkInterrupted(t, w, after)
			})
		})
		t.Run(after.String()+" with a given device", func(t *testing.T) {
			t.Parallel()
			inWorld(t, localhub.Options{Devices: given, FeedbackInterval: faithful}, func(t *testing.T, w *world) {
				w.target.Service.KeyName, w.target.Device = "service", givenString()
				checkInterrupted(t, w, after)
			})
		})
	}
}

func checkInterrupted(t *testing.T, w *world, after time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer time.AfterFunc(after, cancel).Stop()
	report, err := conformance.Run(ctx, w.target, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.checkEmpty()
	if !report.Interrupted || report.Left != "" || report.Took > after+time.Minute {
		t.Errorf("interrupted %v, left %q, took %s", report.Interrupted, report.Left, report.Took)
	}
	if n := report.Count(conformance.Differs); n > 0 {
		t.Errorf("%d beliefs differ", n)
	}
	stopped := slices.ContainsFunc(report.Results, func(r conformance.Result) bool { return r.Why == "the run was interrupted" })
	if !stopped {
		t.Error("nothing was left untried because of the interruption")
	}
}

// checkEmpty checks that there is no device on the hub but the given one, no message,
// and no feedback.
func (w *world) checkEmpty() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	service := w.service(ctx)
	defer service.Close(ctx)
	feedback, err := service.ReceiveFeedback(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	if n := w.hub.Waiting(); n != 0 {
		w.t.Errorf("%d messages are left", n)
	}
	if ids := w.devices(ctx); len(ids) != 1 || ids[0] != given[0].ID {
		w.t.Errorf("the devices are %q", ids)
	}
	if batch, err := feedback.Receive(ctx); err == nil {
		w.t.Errorf("feedback is left: %+v", batch.Records)
	}
}

// devices returns the ids of the devices on the hub.
func (w *world) devices(ctx context.Context) []string {
	w.t.Helper()
	owner := w.target.Service
	owner.KeyName = "iothubowner"
	return devicesOf(ctx, w.t, owner, &iothub.Options{Dial: w.tls})
}

// devicesOf returns the ids of the devices on a hub.
func devicesOf(ctx context.Context, t testing.TB, owner sas.ConnectionString, options *iothub.Options) (ids []string) {
	t.Helper()
	list, err := iothub.Devices(ctx, owner, iothub.MostDevices, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	return ids
}
