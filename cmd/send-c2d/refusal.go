package main

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"iothub-c2d/internal/iothub"
)

// reason is why the hub refuses a message, in the words of --output json.
type reason string

// The reasons. What the hub refuses for a reason that concerns all messages, such
// as a wrong token, ends the run.
const (
	notFound  reason = "notFound" // no such device
	queueFull reason = "queueFull"
	tooLarge  reason = "tooLarge"
	invalid   reason = "invalid"
	other     reason = "other"
	inDoubt   reason = "inDoubt" // no refusal: the hub may have the message
)

// reasons has the sentinels of the reasons, and their words in text.
var reasons = []struct {
	reason reason
	err    error
	text   string
}{
	{notFound, iothub.ErrNotFound, "unknown device"},
	{queueFull, iothub.ErrQueueFull, "queue full"},
	{tooLarge, iothub.ErrTooLarge, "too large"},
	{invalid, iothub.ErrInvalidMessage, "invalid message"},
	{other, nil, "other reasons"},
}

// text returns the reason in words.
func (r reason) text() string {
	for _, x := range reasons {
		if x.reason == r {
			return x.text
		}
	}
	return "in doubt"
}

// concerning are the refusals of a message that any other message would meet.
var concerning = []string{"com.microsoft:iot-hub-suspended", "com.microsoft:iot-hub-not-found-error"}

// refusalOf returns why the hub refuses this one message, "" if it does not.
func refusalOf(err error) reason {
	for _, r := range reasons {
		if r.err != nil && errors.Is(err, r.err) {
			return r.reason
		}
	}
	var hub *iothub.HubError
	switch {
	case errors.Is(err, iothub.ErrUnauthorized), errors.Is(err, iothub.ErrQuotaExceeded), !iothub.IsRejection(err):
		return ""
	case errors.As(err, &hub) && slices.Contains(concerning, hub.Condition):
		return ""
	}
	return other
}

// isDoubtful reports whether the hub may have a message although err says nothing
// of the kind. It has none that is too large, though it ends the link over it.
func isDoubtful(err error) bool {
	return errors.Is(err, iothub.ErrIndeterminate) && !errors.Is(err, iothub.ErrTooLarge)
}

// concernsAll reports whether other messages would fare no better.
func concernsAll(err error) bool { return refusalOf(err) == "" && !errors.Is(err, iothub.ErrNoOutcome) }

// targets are devices and modules that are no longer sent to. Several goroutines may
// use it.
type targets struct {
	wanted []string    // all that there are, if that is known
	none   atomic.Bool // none of these is left

	mu    sync.Mutex
	names map[string]bool // that were added
	left  map[string]bool // of those that are wanted; made when the first is added
}

// newTargets returns an empty set. all are the names that there are, nil if others may
// come.
func newTargets(all []string) *targets {
	return &targets{wanted: all, names: make(map[string]bool)}
}

func (t *targets) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names[name] = true
	if t.wanted == nil {
		return
	}
	if t.left == nil {
		t.left = make(map[string]bool, len(t.wanted))
		for _, name := range t.wanted {
			t.left[name] = true
		}
	}
	delete(t.left, name)
	t.none.Store(len(t.left) == 0)
}

func (t *targets) has(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.names[name]
}
