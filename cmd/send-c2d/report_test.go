package main

import (
	"errors"
	"io"
	"testing"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	var list []time.Duration
	for i := range 100 {
		list = append(list, time.Duration(100-i))
	}
	r := newTimes(list)
	for p, want := range map[int]time.Duration{0: 1, 1: 1, 50: 50, 95: 95, 100: 100} {
		if got := r.percentile(p); got != want {
			t.Errorf("%d: got %d, want %d", p, got, want)
		}
	}
	for _, p := range []int{0, 50, 100} {
		if got := newTimes([]time.Duration{7}).percentile(p); got != 7 {
			t.Errorf("%d of one: got %d, want 7", p, got)
		}
	}
	two := newTimes([]time.Duration{20, 10})
	if half, most := two.percentile(50), two.percentile(95); half != 10 || most != 20 {
		t.Errorf("of two: got %d and %d, want 10 and 20", half, most)
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		statuses map[iothub.Status]int
		ok       bool
	}{
		{nil, true},
		{map[iothub.Status]int{iothub.Success: 3}, true},
		{map[iothub.Status]int{iothub.Success: 3, iothub.Rejected: 1}, false},
		{map[iothub.Status]int{iothub.Expired: 1}, false},
		{map[iothub.Status]int{iothub.DeliveryCountExceeded: 1}, false},
		{map[iothub.Status]int{iothub.Purged: 1}, false},
		{map[iothub.Status]int{"Unheard": 1}, false},
	} {
		r := report{statuses: test.statuses}
		if err := r.result(nil); (err == nil) != test.ok {
			t.Errorf("%v: got %v", test.statuses, err)
		}
	}
}

// limitedWriter takes so many writes, and is full then.
type limitedWriter int

func (w *limitedWriter) Write(p []byte) (int, error) {
	if *w--; *w < 0 {
		return 0, errFull
	}
	return len(p), nil
}

var errFull = errors.New("full")

// limitedReport returns a report whose output takes so many lines.
func limitedReport(lines int, output console.Output) *report {
	w := limitedWriter(lines)
	return newReport(&console.Console{Out: &w, Err: io.Discard, Output: output})
}

func TestWriteErrorsFailTheRun(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		lines int
		want  error
	}{
		{"sent", 0, errFull}, {"feedback", 1, errFull}, {"summary", 2, errFull}, {"none", 3, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := limitedReport(test.lines, console.OutputJSON)
			_ = r.sent(sentEvent{})
			_ = r.feedback(iothub.Feedback{Status: iothub.Success}, 0)
			r.summary(0, 0)
			if got := r.result(nil); !errors.Is(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
