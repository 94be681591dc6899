package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

func TestProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReport(&console.Console{Out: new(bytes.Buffer), Err: new(bytes.Buffer)})
		r.plan(5000, nil)
		if got, want := r.progress(0), "0 of 5000"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		for range 12 {
			if err := r.sent(sentEvent{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second / 10)
		}
		for _, test := range []struct {
			planned, unanswered int
			want                string
		}{
			{5000, 2, "12 of 5000, 9/s, 2 unanswered"},
			{5000, 0, "12 of 5000, 9/s"},
			{0, 0, "12 sent, 9/s"},
		} {
			r.plan(test.planned, nil)
			if got := r.progress(test.unanswered); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		}
	})
}

func TestSummary(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		color console.Color
		want  string
	}{
		{"plain", console.ColorNever, "9 sent, 1 Expired, 1 Purged, 5 Success, 2 refused (unknown device), 1 in doubt, 3 sent again, 4 without feedback; feedback after 830µs (half), 2.31ms (95 %), 2.31ms (all).\n"},
		{"coloured", console.ColorAlways, "9 sent, \x1b[31m1 Expired\x1b[0m, \x1b[33m1 Purged\x1b[0m, \x1b[32m5 Success\x1b[0m, \x1b[31m2 refused (unknown device)\x1b[0m, " +
			"\x1b[33m1 in doubt\x1b[0m, \x1b[33m3 sent again\x1b[0m, \x1b[33m4 without feedback\x1b[0m; feedback after 830µs (half), 2.31ms (95 %), 2.31ms (all).\n"},
	} {
		var errs bytes.Buffer
		r := newReport(&console.Console{Out: new(bytes.Buffer), Err: &errs, Color: test.color})
		r.total, r.doubts = 9, 1
		r.statuses = map[iothub.Status]int{iothub.Success: 5, iothub.Purged: 1, iothub.Expired: 1}
		r.refusals[notFound] = 2
		r.latencies = []time.Duration{2_314_159, 830_400}
		r.summary(4, 3)
		if got := errs.String(); got != test.want {
			t.Errorf("%s: got %q\nwant %q", test.name, got, test.want)
		}
	}
}

func TestPlanned(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want int
	}{
		{[]string{"hello"}, 1},
		{[]string{"hello", "--count", "5", "-d", "a", "-d", "b"}, 10},
		{[]string{"--lines"}, 0},
		{[]string{"--jsonl", "--count", "5"}, 0},
	} {
		if got := sourceOf(t, "", test.args...).planned(); got != test.want {
			t.Errorf("%q: got %d, want %d", test.args, got, test.want)
		}
	}
}
