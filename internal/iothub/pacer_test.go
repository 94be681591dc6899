package iothub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"
)

var errBusy = &amqp.Error{Condition: conditionBusy}

// refusingHub takes so many messages each second, and refuses the others at once, as
// a hub without patience.
type refusingHub struct {
	mu       sync.Mutex
	rate     int
	room     float64
	looked   time.Time
	taken    int
	refusals int
}

func (h *refusingHub) take() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	h.room = min(h.room+now.Sub(h.looked).Seconds()*float64(h.rate), float64(h.rate))
	h.looked = now
	if h.room < 1 {
		h.refusals++
		return errBusy
	}
	h.room--
	h.taken++
	return nil
}

// TestPacerFindsTheRate sends with many goroutines to hubs that refuse what is too
// much, and wants nearly the rate that they take, and not more than two refusals for each.
func TestPacerFindsTheRate(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{2, 83, 1000} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				told := 0
				p := newPacer(new(Options{Throttled: func(error) { told++ }}).withDefaults())
				hub := &refusingHub{rate: rate, looked: time.Now()}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				var all sync.WaitGroup
				for range 64 {
					all.Go(func() {
						for ctx.Err() == nil {
							paced := p.active.Load()
							if paced && p.enter(ctx) != nil {
								return
							}
							time.Sleep(time.Millisecond) // the way there and back
							p.leave(paced, hub.take())
						}
					})
				}
				all.Wait()
				could := rate * 300
				if hub.taken < could*6/10 || hub.refusals > hub.taken*2+64 || told != 1 {
					t.Errorf("taken %d of %d, refused %d, told %d times", hub.taken, could, hub.refusals, told)
				}
			})
		})
	}
}

// TestPauseGrowsWhileNothingIsTaken wants a hub that takes nothing to be asked ever
// less often.
func TestPauseGrowsWhileNothingIsTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(new(Options).withDefaults())
		for n := range 10 {
			p.leave(n > 0, errBusy)
			p.leave(false, errBusy) // another one of the same round
			began := time.Now()
			if err := p.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
			about := min(100*time.Millisecond<<n, 8*time.Second)
			if waited := time.Since(began); waited < about*3/4 || waited > about*5/4 {
				t.Errorf("pause %d took %s, want about %s", n, waited, about)
			}
		}
		for range 10 {
			p.waiting = 1
			p.leave(true, nil)
		}
		p.leave(false, errBusy)
		began := time.Now()
		if err := p.enter(t.Context()); err != nil || time.Since(began) > 125*time.Millisecond {
			t.Errorf("after some successes, the pause took %s: %v", time.Since(began), err)
		}
	})
}

// TestTurnEndsWithItsContext wants a message to stop waiting when its context ends,
// during a pause and for its turn, and to leave nothing behind.
func TestTurnEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(new(Options).withDefaults())
		p.leave(false, errBusy)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := p.enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("during a pause: %v", err)
		}
		time.Sleep(2 * time.Second)
		if err := p.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var both sync.WaitGroup
		for range 2 { // one of them waits for the turn of the other
			both.Go(func() {
				if err := p.enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("while another is sent: %v", err)
				}
			})
		}
		both.Wait()
		p.leave(true, errors.New("cut off"))
		if err := p.enter(t.Context()); err != nil || p.waiting != 1 {
			t.Errorf("afterwards %d wait: %v", p.waiting, err)
		}
	})
}

// TestThrottledToken wants the refusal of a token to pass if it means that there is too
// much at a time.
func TestThrottledToken(t *testing.T) {
	t.Parallel()
	reply := &amqp.Message{ApplicationProperties: map[string]any{"status-code": int32(429), "status-description": "Busy."}}
	if err := status(reply); !errors.Is(err, ErrThrottled) || isFinal(err) {
		t.Errorf("status 429 is %v, want that the hub throttles", err)
	}
}
