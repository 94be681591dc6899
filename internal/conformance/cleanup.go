package conformance

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"iothub-c2d/internal/iothub"
)

// cleanUp removes what the run has made, also when it was interrupted, and
// disconnects. The error says what is left.
func (r *run) cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	r.registryPace = newPace(r.perMinute) // whoever waited for the old one is gone
	left := r.removeAll(ctx)
	if r.rights&registry == 0 && r.rights&device != 0 {
		left = errors.Join(left, r.empty(ctx))
	}
	if r.feedback != nil {
		r.finishFeedback()
		r.feedback.stop()
	}
	if r.service != nil {
		_ = r.service.Close(ctx) // there is nothing left to say
	}
	r.http.CloseIdleConnections()
	return left
}

// finishFeedback reads what is still to come about the run's messages. There may be
// none about a message whose sending was interrupted.
func (r *run) finishFeedback() {
	over := time.NewTimer(r.figures.Feedback + 2*time.Second)
	defer over.Stop()
	for {
		_, _, changed, why := r.feedback.find(func(iothub.Feedback) bool { return false })
		if why != "" || r.missed() == 0 {
			return
		}
		select {
		case <-changed:
		case <-over.C:
			return
		}
	}
}

func (r *run) own(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.devices[id], r.every[id] = true, true
}

func (r *run) disown(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.devices, id)
}

func (r *run) owned() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.devices))
}

// disowns reports whether feedback is about a message of somebody else.
func (r *run) disowns(f iothub.Feedback) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.every[f.DeviceID] && !strings.HasPrefix(f.MessageID, r.id)
}

// expect notes that there may be feedback on a message.
func (r *run) expect(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.awaited[id] = true
}

// giveUp notes that there is feedback on a message, or that there will be none.
func (r *run) giveUp(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.awaited, id)
}

// missed returns on how many messages there is no feedback yet.
func (r *run) missed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.awaited)
}
