package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestPercentiles compares with all durations: none is missed by more than a
// sixteenth.
func TestPercentiles(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var l latencies
	var all []time.Duration
	for range 10_000 {
		d := time.Duration(1) << random.IntN(45)
		d += time.Duration(random.Int64N(int64(d)))
		l.add(d)
		all = append(all, d)
	}
	slices.Sort(all)
	for _, percent := range []int{1, 50, 95, 99, 100} {
		got, want := l.percentile(percent), all[(len(all)*percent+99)/100-1]
		if got < want || got > want+want/classes {
			t.Errorf("%d %%: got %s, want %s, or a sixteenth more", percent, got, want)
		}
	}
}

func TestFewLatencies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		added []time.Duration
		want  time.Duration // of half of them
	}{
		{nil, 0},
		{[]time.Duration{-time.Second}, 0},
		{[]time.Duration{7}, 7},
		{[]time.Duration{15, 15, 16, 1 << 62}, 15},
		{[]time.Duration{1<<63 - 1}, 1<<63 - 1},
	} {
		var l latencies
		for _, d := range test.added {
			l.add(d)
		}
		if got := l.percentile(50); got != test.want {
			t.Errorf("%v: got %d, want %d", test.added, got, test.want)
		}
	}
}
