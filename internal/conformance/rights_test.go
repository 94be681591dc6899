package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/conformance"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

const faithful = 15 * time.Second // between two feedback messages

var given = []localhub.Device{{ID: "thermostat-9", Key: defaults.Key()}}

func givenString() sas.ConnectionString {
	return sas.ConnectionString{HostName: hostName, DeviceID: given[0].ID, Key: given[0].Key}
}

// TestServiceStringOnly checks that a run with nothing but a policy that may send
// says of each belief that it cannot try what it lacks, and tries the rest.
func TestServiceStringOnly(t *testing.T) {
	t.Parallel()
	inWorld(t, localhub.Options{Devices: given, FeedbackInterval: faithful}, func(t *testing.T, w *world) {
		w.target.Service.KeyName = "service"
		report := w.run(nil)
		tried := 0
		for _, r := range report.Results {
			switch {
			case r.Verdict == conformance.Differs:
				t.Errorf("%s differs: %s", r.Belief, r.Hub)
			case r.Verdict == conformance.Holds:
				tried++
			case !strings.HasPrefix(r.Why, "it needs a"):
				t.Errorf("%s could not be tried: %q", r.Belief, r.Why)
			}
		}
		if tried == 0 || report.Messages != 0 {
			t.Errorf("%d beliefs were tried with %d messages, want some, and none", tried, report.Messages)
		}
	})
}

// TestGivenDevice checks that a run that cannot make devices uses the one that it is
// given, within the time, and leaves nothing in its queue.
func TestGivenDevice(t *testing.T) {
	t.Parallel()
	inWorld(t, localhub.Options{Devices: given, FeedbackInterval: faithful}, func(t *testing.T, w *world) {
		w.target.Service.KeyName, w.target.Device = "service", givenString()
		report := w.run(nil)
		for _, r := range report.Results {
			if r.Verdict == conformance.Differs || r.Verdict == conformance.Untried && !strings.HasPrefix(r.Why, "it needs a policy") {
				t.Errorf("%s: %s: %s%s", r.Belief, r.Verdict, r.Hub, r.Why)
			}
		}
		if n := report.Count(conformance.Holds); n < 100 {
			t.Errorf("%d beliefs hold, want 100 at least", n)
		}
		if n := w.hub.Waiting(); n != 0 {
			t.Errorf("%d messages are left", n)
		}
		checkBounds(t, report)
		checkHidden(t, report, given[0].ID)
	})
}

// TestDeviceStringOnly checks what a device alone can try.
func TestDeviceStringOnly(t *testing.T) {
	t.Parallel()
	inWorld(t, localhub.Options{Devices: given}, func(t *testing.T, w *world) {
		w.target.Service, w.target.Device = sas.ConnectionString{}, givenString()
		report := w.run(nil)
		for _, r := range report.Results {
			if r.Verdict == conformance.Differs || r.Verdict == conformance.Untried && !strings.HasPrefix(r.Why, "it needs the connection string of a policy") {
				t.Errorf("%s: %s: %s%s", r.Belief, r.Verdict, r.Hub, r.Why)
			}
		}
		if report.Count(conformance.Holds) == 0 {
			t.Error("nothing was tried")
		}
	})
}

// TestWrongKey checks that a run that is not let in says so at once.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	inWorld(t, localhub.Options{}, func(t *testing.T, w *world) {
		w.target.Service.Key = sas.NewKey([]byte("no key of this hub"))
		if _, err := conformance.Run(t.Context(), w.target, nil); !errors.Is(err, iothub.ErrUnauthorized) {
			t.Errorf("error %v, want that the hub refuses the credentials", err)
		}
	})
}

// TestFeedbackOfOthers checks that feedback of others, from before a run and from
// its time, is left to them: none is gone afterwards.
func TestFeedbackOfOthers(t *testing.T) {
	t.Parallel()
	inWorld(t, localhub.Options{Devices: given, FeedbackInterval: faithful}, func(t *testing.T, w *world) {
		if err := w.complete("before-1", "before-2"); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		time.AfterFunc(20*time.Second, func() { done <- w.complete("meanwhile-1", "meanwhile-2") })
		report := w.run(nil)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for _, r := range report.Results {
			if r.Verdict == conformance.Differs {
				t.Errorf("%s: %s", r.Belief, r.Hub)
			}
		}
		got := w.theirs(4)
		if want := []string{"before-1", "before-2", "meanwhile-1", "meanwhile-2"}; !slices.Equal(got, want) {
			t.Errorf("feedback on %v, want %v", got, want)
		}
	})
}

// theirs reads feedback until there are so many records of others, and returns on what
// messages they are.
func (w *world) theirs(n int) (ids []string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Minute)
	defer cancel()
	service := w.service(ctx)
	defer service.Close(ctx)
	feedback, err := service.ReceiveFeedback(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	for len(ids) < n {
		batch, err := feedback.Receive(ctx)
		if err == nil {
			err = batch.Complete(ctx)
		}
		if err != nil {
			w.t.Fatalf("after feedback on %v: %v", ids, err)
		}
		for _, r := range batch.Records {
			if r.DeviceID == given[0].ID {
				ids = append(ids, r.MessageID)
			}
		}
	}
	return slices.Sorted(slices.Values(ids))
}

func (w *world) service(ctx context.Context) *iothub.Service {
	w.t.Helper()
	dial := iothub.Options{Dial: w.tls}
	service, err := iothub.DialService(ctx, w.target.Service, &dial)
	if err != nil {
		w.t.Fatal(err)
	}
	return service
}

// complete sends messages to the given device, which completes them.
func (w *world) complete(ids ...string) error {
	ctx := w.t.Context()
	service, err := iothub.DialService(ctx, w.target.Service, &iothub.Options{Dial: w.tls})
	if err != nil {
		return err
	}
	defer service.Close(ctx)
	d, err := iothub.DialDevice(ctx, givenString(), &iothub.Options{Dial: w.tls})
	if err != nil {
		return err
	}
	defer d.Close(ctx)
	for _, id := range ids {
		if err := service.Send(ctx, given[0].ID, &iothub.Message{ID: id, Ack: iothub.AckFull}); err != nil {
			return err
		}
		m, err := d.Receive(ctx)
		if err == nil {
			err = m.Complete(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkBounds checks what a run promises.
func checkBounds(t *testing.T, report *conformance.Report) {
	t.Helper()
	if report.Messages >= 300 || report.Took > 10*time.Minute {
		t.Errorf("%d messages in %s, want fewer than 300 in 10 minutes", report.Messages, report.Took)
	}
	if perMinute := float64(report.Messages) / report.Took.Minutes(); perMinute > 100 {
		t.Errorf("%.0f messages a minute, want 100 at most", perMinute)
	}
}

// checkHidden checks that a report has neither names nor secrets.
func checkHidden(t *testing.T, report *conformance.Report, names ...string) {
	t.Helper()
	b, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ToLower(string(b) + report.Markdown())
	first, _, _ := strings.Cut(hostName, ".")
	for _, hidden := range append(names, first, defaults.Key().Base64(), "sig=", "sig%3d") {
		if i := strings.Index(text, strings.ToLower(hidden)); i >= 0 {
			t.Errorf("the report tells %q: …%s…", hidden, text[max(0, i-100):min(len(text), i+100)])
		}
	}
}
