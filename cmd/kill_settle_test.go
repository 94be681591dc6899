package cmd_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
)

// settleAll empties the hub and compares the books.
func (b *book) settleAll(t *testing.T, address string) {
	const write = 20 * time.Millisecond // the hub writes each change to the disk
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout+time.Duration(len(b.acked))*write)
	defer cancel()
	device, err := iothub.DialDevice(ctx, defaults.DeviceString(address, keptDevice.ID, keptDevice.Key), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close(ctx)
	service, err := iothub.DialService(ctx, defaults.ServiceString(address), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close(ctx)
	feedback, err := service.ReceiveFeedback(ctx)
	if err != nil {
		t.Fatal(err)
	}
	overMQTT, leave := context.WithCancel(ctx)
	var left sync.WaitGroup
	left.Go(func() { b.liveOverMQTT(overMQTT, address) })
	defer left.Wait()
	defer leave()
	const looks = 10 // a busy machine may be quiet while there is more to come
	for range looks {
		b.untilQuiet(t, ctx, func(ctx context.Context) error { return b.completeOne(ctx, device) })
		b.untilQuiet(t, ctx, func(ctx context.Context) error { return b.readOne(ctx, feedback) })
		if len(b.open()) == 0 {
			break
		}
	}
	if len(b.miscounted) > 0 {
		t.Errorf("abandons were forgotten of messages %v", b.miscounted)
	}
	for _, trouble := range b.open() {
		t.Error(trouble)
	}
}

// open returns what is still missing.
func (b *book) open() (troubles []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id := range b.acked {
		// A completion whose answer was lost is known by its feedback.
		if !b.completed[id] && !b.reported[id] {
			troubles = append(troubles, fmt.Sprintf("message %s was acknowledged and is lost", id))
		}
	}
	for id := range b.reported {
		if strings.HasPrefix(id, "mqtt-") && !b.overMQTT[id] {
			troubles = append(troubles, fmt.Sprintf("message %s was completed and never received", id))
		}
	}
	for id := range b.completed {
		if !b.reported[id] {
			troubles = append(troubles, fmt.Sprintf("message %s was completed without feedback", id))
		}
	}
	return troubles
}

// untilQuiet runs step until nothing has come for a while.
func (b *book) untilQuiet(t *testing.T, ctx context.Context, step func(context.Context) error) {
	t.Helper()
	for {
		const quiet = 500 * time.Millisecond
		waiting, cancel := context.WithTimeout(ctx, quiet)
		err := step(waiting)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return
		case err != nil:
			t.Fatal(err)
		}
	}
}
