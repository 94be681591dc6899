package fault

import (
	"net"
	"slices"
	"testing"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
)

// idle is a handler that lets nobody do anything.
type idle struct{}

func (idle) Login(amqpwire.Symbol, []byte) *amqpwire.Error { return nil }

func (idle) Sink(*amqpserver.Link, *amqpwire.Attach) (amqpserver.Sink, *amqpwire.Error) {
	return nil, amqpserver.Errorf(amqpserver.CondNotFound, "nothing is here")
}

func (idle) Source(*amqpserver.Link, *amqpwire.Attach) (amqpserver.Source, *amqpwire.Error) {
	return nil, amqpserver.Errorf(amqpserver.CondNotFound, "nothing is here")
}

// newServerConn returns a connection that nothing comes on.
func newServerConn(t *testing.T) (made *amqpserver.Conn) {
	t.Helper()
	near, far := net.Pipe()
	_ = near.Close()
	_ = amqpserver.Serve(t.Context(), far, func(c *amqpserver.Conn) amqpserver.Handler {
		made = c
		return idle{}
	}, nil)
	return made
}

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
		faults, err := Parse("drop" + tt.when + ",close")
		if err != nil {
			t.Fatal(err)
		}
		injector, err := NewInjector(faults)
		if err != nil {
			t.Fatal(err)
		}
		var told int
		tell := func(n Name) {
			if n == Drop {
				told++
			}
		}
		var got [2][]int
		conns := [2]*Conn{injector.Conn(newServerConn(t), nil, tell), injector.Conn(newServerConn(t), nil, tell)}
		for n := 1; n <= 4; n++ {
			for i, c := range conns {
				if _, yes := c.strikes(Drop); yes {
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
		faults, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		injector, err := NewInjector(faults)
		if err != nil {
			t.Fatal(err)
		}
		c := injector.Conn(newServerConn(t), nil, func(Name) {})
		for n := range 10_000 {
			if _, yes := c.strikes(Drop); yes {
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
