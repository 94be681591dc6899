package main

import (
	"errors"
	"slices"
	"sync"

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

// targets are devices and modules. Its zero value is empty, and several goroutines
// may use it.
type targets struct {
	mu    sync.Mutex
	names map[string]bool
}

func (t *targets) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.names == nil {
		t.names = make(map[string]bool)
	}
	t.names[name] = true
}

func (t *targets) has(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.names[name]
}

// all reports whether t has all of the names that a function returns, of which
// there is at least one. It does not ask for them while t is empty.
func (t *targets) all(of func() []string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.names) == 0 {
		return false
	}
	names := of()
	return len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool { return !t.names[name] })
}
