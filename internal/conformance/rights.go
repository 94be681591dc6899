package conformance

import (
	"context"
	"fmt"
	"net/http"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/sas"
)

// prepare connects, and finds out what the run may do.
func (r *run) prepare(ctx context.Context) error {
	if r.target.Device.DeviceID != "" {
		r.rights |= device
	}
	if r.target.Service.HostName == "" {
		return nil
	}
	var err error
	if r.service, err = iothub.DialService(ctx, r.target.Service, &iothub.Options{Dial: r.target.amqp}); err != nil {
		return fmt.Errorf("connect as a back end: %w", err)
	}
	r.rights |= service
	if r.feedback, err = startFeedback(ctx, r); err != nil {
		return fmt.Errorf("read feedback: %w", err)
	}
	probe := r.id + "-0"
	if _, err := r.register(ctx, newTrace(), probe); err != nil {
		r.refused = err.Error()
		return nil
	}
	r.rights |= registry | device
	return r.remove(ctx, newTrace(), probe)
}

// missing says what the run lacks, empty if it lacks nothing.
func (r *run) missing(n need) string {
	switch lack := n &^ r.rights; {
	case lack&service != 0:
		return "it needs the connection string of a policy with service connect"
	case lack&registry != 0 && r.rights&service == 0:
		return "it needs the connection string of a policy that may write the registry"
	case lack&registry != 0:
		return "it needs a policy that may write the registry; " + r.refused
	case lack&device != 0:
		return "it needs a device: a policy that may write the registry, or the connection string of a device"
	}
	return ""
}

// lend gives a trial a device with an empty queue: a new one, or the only one in its
// turn.
func (r *run) lend(ctx context.Context, t *trial) (giveBack func()) {
	var err error
	if r.rights&registry != 0 {
		id := fmt.Sprintf("%s-%d", r.id, t.number)
		if t.subject, err = r.newSubject(ctx, t.trace, id); err != nil {
			t.why = err.Error()
		}
		return func() {
			if ctx.Err() == nil {
				_ = r.remove(ctx, newTrace(), id) // cleanUp tries again
			}
		}
	}
	r.given <- struct{}{}
	t.subject = &subject{cs: r.target.Device}
	if err := r.empty(ctx); err != nil {
		t.why = err.Error()
	}
	return func() {
		_ = r.empty(ctx) // the next one, and cleanUp, do it too
		<-r.given
	}
}

// empty purges the queue of the device that was given.
func (r *run) empty(ctx context.Context) error {
	if r.rights&service == 0 {
		return nil // nothing was sent
	}
	tr := newTrace()
	a, err := r.request(ctx, tr, call{
		method: http.MethodDelete, path: "/devices/" + sas.Escape(r.target.Device.DeviceID) + "/commands", authorization: r.token().Reveal(),
	})
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("the queue of the device could not be emptied: the hub answered %s", a.text())
	}
	return err
}
