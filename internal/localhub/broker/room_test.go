package broker

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestRoomOfAllMessages checks that the messages of all devices have so much room
// together, and that each gives its own back, once, in whatever way it ends.
func TestRoomOfAllMessages(t *testing.T) {
	const size, all = 10, 100
	inHub(t, Options{MaxBytes: all, MaxQueue: 5}, func(t *testing.T, h hub) {
		dev1, module := ID{Device: "dev1"}, ID{Device: "dev1", Module: "m"}
		send := func(to ID) *Refusal { return h.Send(to, &Message{Size: size, Ack: AckFull}) }
		left := func() int {
			h.room.mu.Lock()
			defer h.room.mu.Unlock()
			return h.room.left
		}
		wantLeft := func(when string, want int) {
			t.Helper()
			if got := left(); got != want {
				t.Errorf("%s: %d bytes are left, want %d", when, got, want)
			}
		}
		for _, to := range []ID{dev1, module} {
			for range 5 {
				if refused := send(to); refused != nil {
					t.Fatal(refused)
				}
			}
		}
		if refused := send(ID{Device: "dev1", Module: "n"}); refused == nil || refused.Code != HubFull {
			t.Errorf("refused with %v, want %d", refused, HubFull)
		}
		if refused := h.Send(dev1, new(Message)); refused == nil || refused.Code != QueueFull {
			t.Errorf("refused with %v, want %d", refused, QueueFull)
		}
		wantLeft("full", 0)
		h.settle(Complete)
		wantLeft("after a completion", size)
		if refused := send(module); refused == nil || refused.Code != QueueFull {
			t.Errorf("refused with %v, want %d", refused, QueueFull)
		}
		wantLeft("after a refusal", size)
		h.settle(Release)
		h.settle(Abandon)
		wantLeft("after messages came back", size)
		h.settle(Reject)
		wantLeft("after a rejection", 2*size)
		if n, refused := h.Purge(dev1); n != 3 || refused != nil {
			t.Errorf("purged %d, %v", n, refused)
		}
		wantLeft("after a purge", 5*size)
		time.Sleep(time.Hour)
		synctest.Wait()
		wantLeft("after the rest has expired", all)
	})
}
