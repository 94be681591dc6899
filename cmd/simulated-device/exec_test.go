//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

func TestRetryPause(t *testing.T) {
	t.Parallel()
	var total time.Duration
	for count, want := range []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000} {
		got := retryPause(uint32(count))
		total += got
		if got != want*time.Millisecond {
			t.Errorf("%d: got %v, want %v", count, got, want*time.Millisecond)
		}
	}
	if total < 30*time.Second || total > time.Minute {
		t.Errorf("got %v for all deliveries, want about half a minute", total)
	}
	if got := retryPause(1<<32 - 1); got != 10*time.Second {
		t.Errorf("got %v after very many", got)
	}
}

// noteFile makes a file of the first text that is written.
type noteFile struct {
	name string
	once sync.Once
}

func (n *noteFile) Write(p []byte) (int, error) {
	n.once.Do(func() { _ = os.WriteFile(n.name, p, 0o600) })
	return len(p), nil
}

// TestLateCommandIsTold: the command here waits for the note about itself.
func TestLateCommandIsTold(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "note")
	s := &settler{
		console: &console.Console{Err: &noteFile{name: name}},
		exec:    `until [ -e "` + name + `" ]; do sleep 0.01; done`,
		lock:    time.Millisecond,
	}
	var d iothub.Delivery
	d.ID = "m1"
	got, err := s.run(t.Context(), &d)
	if err != nil || got != complete {
		t.Fatalf("got %s, %v", got, err)
	}
	note, err := os.ReadFile(name)
	if err != nil || !strings.HasPrefix(string(note), "--exec for message m1 goes on for 1ms now") {
		t.Errorf("got %q, %v", note, err)
	}
}
