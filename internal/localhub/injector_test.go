package localhub

import (
	"log/slog"
	"slices"
	"testing"
)

// TestWhenFaultsStrike counts opportunities on two connections in turn.
func TestWhenFaultsStrike(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		when string
		want [2][]int // which opportunities of each connection, from 1
	}{
		{"", [2][]int{{1, 2, 3, 4}, {1, 2, 3, 4}}},
		{":first=3", [2][]int{{1, 2}, {1}}},
		{":every=3", [2][]int{{2}, {3}}},
		{":after=2", [2][]int{{3}, {3}}},
		{":100%", [2][]int{{1, 2, 3, 4}, {1, 2, 3, 4}}},
	} {
		faults, err := ParseFaults("drop" + tt.when + ",close")
		if err != nil {
			t.Fatal(err)
		}
		var told int
		h, err := New(&Options{Faults: faults, Observer: func(e Event) {
			if e == (Event{Kind: EventFault, Detail: "drop"}) {
				told++
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		var got [2][]int
		conns := [2]*conn{{hub: h, log: slog.New(slog.DiscardHandler)}, {hub: h, log: slog.New(slog.DiscardHandler)}}
		for n := 1; n <= 4; n++ {
			for i, c := range conns {
				if _, yes := c.strikes(FaultDrop); yes {
					got[i] = append(got[i], n)
				}
			}
		}
		if !slices.Equal(got[0], tt.want[0]) || !slices.Equal(got[1], tt.want[1]) {
			t.Errorf("drop%s struck at %v, want %v", tt.when, got, tt.want)
		}
		if want := len(tt.want[0]) + len(tt.want[1]); told != want {
			t.Errorf("drop%s: told of %d faults, want %d", tt.when, told, want)
		}
	}
}

// TestFaultsRepeat wants the same seed to give the same faults.
func TestFaultsRepeat(t *testing.T) {
	t.Parallel()
	struck := func(text string) (got []int) {
		faults, err := ParseFaults(text)
		if err != nil {
			t.Fatal(err)
		}
		h, err := New(&Options{Faults: faults})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		c := &conn{hub: h, log: slog.New(slog.DiscardHandler)}
		for n := range 10_000 {
			if _, yes := c.strikes(FaultDrop); yes {
				got = append(got, n)
			}
		}
		return got
	}
	first := struck("drop:5%,seed=7")
	if n := len(first); n < 400 || n > 600 {
		t.Errorf("5%% of 10000 struck %d times, want about 500", n)
	}
	if !slices.Equal(first, struck("drop:5%,seed=7")) {
		t.Error("the same seed gave other faults")
	}
	if slices.Equal(first, struck("drop:5%,seed=8")) {
		t.Error("another seed gave the same faults")
	}
}
