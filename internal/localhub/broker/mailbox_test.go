package broker

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestEvents checks what the observer and the log hear of one message.
func TestEvents(t *testing.T) {
	var mu sync.Mutex
	var told []string
	observer := func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprint(e.Kind, " ", e.Device, " ", e.MessageID, " ", e.Sequence, " ", e.Detail))
	}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	inHub(t, Options{Observer: observer, Logger: logger}, func(t *testing.T, h hub) {
		box := h.box(ID{"dev1", "mod"})
		if err := box.Put(named("a")); err != nil {
			t.Fatal(err)
		}
		d, _ := box.Take()
		_ = box.Settle(d.Token, Abandon)
		d, _ = box.Take()
		box.Release([]LockToken{d.Token})
		box.Take()
		time.Sleep(time.Minute)
		d, _ = box.Take()
		_ = box.Settle(d.Token, Complete)
		want := []string{
			"enqueued dev1/mod a 1 ",
			"delivered dev1/mod a 1 ", "returned dev1/mod a 1 abandoned",
			"delivered dev1/mod a 1 ", "returned dev1/mod a 1 released",
			"delivered dev1/mod a 1 ", "returned dev1/mod a 1 lock lost",
			"delivered dev1/mod a 1 ", "finished dev1/mod a 1 Success",
		}
		if !slices.Equal(told, want) {
			t.Errorf("told %q\nwant %q", told, want)
		}
		if want := `level=DEBUG msg="message finished" device=dev1/mod id=a status=Success`; !strings.Contains(log.String(), want) {
			t.Errorf("log %q, want %q in it", log.String(), want)
		}
	})
}

type displaced struct{ times int }

func (d *displaced) Displace() { d.times++ }

func TestClaim(t *testing.T) {
	inHub(t, Options{}, func(t *testing.T, h hub) {
		var first, second, third displaced
		box := h.dev1()
		box.Claim(&first)
		box.Claim(&second)
		box.Leave(&first) // too late: it is not its claim any more
		box.Claim(&third)
		box.Leave(&third)
		box.Claim(&first)
		if first.times != 1 || second.times != 1 || third.times != 0 {
			t.Errorf("displaced %d, %d and %d times, want 1, 1, 0", first.times, second.times, third.times)
		}
	})
}

// TestIdleMailboxesAreSmall counts what 10,000 devices cost that have had a
// message each, and hold none: no goroutine, no timer, some bytes.
func TestIdleMailboxesAreSmall(t *testing.T) {
	const n = 10_000
	var devices []string
	for i := range n {
		devices = append(devices, fmt.Sprint("device", i))
	}
	h := start(t, Options{}, devices...)
	defer h.Close()
	goroutines := runtime.NumGoroutine()
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for _, d := range devices {
		box := h.box(ID{Device: d})
		if err := box.Put(named("m")); err != nil {
			t.Fatal(err)
		}
		d, _ := box.Take()
		if err := box.Settle(d.Token, Complete); err != nil {
			t.Fatal(err)
		}
		if q := box.Queue; q.timer != nil || q.ready != nil || q.locked != nil {
			t.Fatalf("an empty queue holds %v, %v, %v", q.timer, q.ready, q.locked)
		}
	}
	each := int64(heap()-before) / n
	t.Logf("%d bytes each", each)
	if more := runtime.NumGoroutine() - goroutines; more > 0 || each > 1024 {
		t.Errorf("%d goroutines and %d bytes for each mailbox, want none and at most 1024", more, each)
	}
	runtime.KeepAlive(h)
}
