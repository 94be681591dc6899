package main

import (
	"testing"
	"time"
)

// TestNextWait wants the first wait for room to be as long as the hub is away, and
// each further one to be twice as long.
func TestNextWait(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ last, answer, want time.Duration }{
		{0, 100 * time.Microsecond, 2 * time.Millisecond},
		{0, 50 * time.Millisecond, 50 * time.Millisecond},
		{0, time.Minute, 2 * time.Second},
		{2 * time.Millisecond, time.Minute, 4 * time.Millisecond},
		{50 * time.Millisecond, 0, 100 * time.Millisecond},
		{1500 * time.Millisecond, 0, 2 * time.Second},
		{2 * time.Second, 0, 2 * time.Second},
	} {
		if got := nextWait(tt.last, tt.answer); got != tt.want {
			t.Errorf("after %v, and an answer after %v: %v, want %v", tt.last, tt.answer, got, tt.want)
		}
	}
}
