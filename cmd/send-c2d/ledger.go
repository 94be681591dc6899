package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"iothub-c2d/internal/console"
)

// ledger knows which devices have got all of their messages, as far as the run asks. A
// nil one is not interested.
type ledger struct {
	file    string   // where those go that have not
	devices []string // that all messages are for; none if these name their devices
	bodies  int      // how many messages each is to get; 0 if only the end of the input tells

	mu      sync.Mutex
	tallies map[string]*tally
	order   []string // of the devices, as they came
	most    int      // messages of any device
}

// tally counts the messages for a device.
type tally struct{ begun, good int }

// newLedger returns the ledger of a run, which is nil if there is no file.
func newLedger(file string, messages *source) (*ledger, error) {
	if file == "" {
		return nil, nil
	}
	if err := console.CheckReplaceable(file); err != nil {
		return nil, console.Usage(fmt.Errorf("--failed-out: %w", err), "")
	}
	l := &ledger{file: file, bodies: messages.input.planned, tallies: make(map[string]*tally)}
	if messages.targets() != nil {
		l.devices = messages.devices
	}
	return l, nil
}

// begin notes that there is a message for a device.
func (l *ledger) begin(device string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.of(device)
	t.begun++
	l.most = max(l.most, t.begun)
}

// good notes that a message has come to its end in the best way: the device has
// completed it or, where no feedback is waited for, the hub has taken it.
func (l *ledger) good(device string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of(device).good++
}

// of is called with mu held.
func (l *ledger) of(device string) *tally {
	t := l.tallies[device]
	if t == nil {
		t = new(tally)
		l.tallies[device] = t
		l.order = append(l.order, device)
	}
	return t
}

// failed returns the devices that have not got all.
func (l *ledger) failed() (list []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	wanted := max(l.bodies, l.most)
	for _, device := range l.devices {
		if l.of(device).good < wanted {
			list = append(list, device)
		}
	}
	for _, device := range l.order {
		if t := l.tallies[device]; l.devices == nil && t.good < t.begun {
			list = append(list, device)
		}
	}
	return list
}

// write writes the devices that have not got all, for another run to try again. The
// file is empty if there are none.
func (l *ledger) write(c *console.Console) error {
	if l == nil {
		return nil
	}
	list := l.failed()
	text := strings.Join(slices.Concat(list, []string{""}), "\n")
	if err := console.ReplaceFile(l.file, text); err != nil {
		return fmt.Errorf("--failed-out: %w", err)
	}
	if len(list) > 0 {
		c.Note("Devices that have not got all: %d, in %s; --devices-file tries them again.", len(list), l.file)
	}
	return nil
}
