package iothub_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
)

// TestCancelOneSend wants a Send that is given up to leave the others, and their
// link, alone.
func TestCancelOneSend(t *testing.T) {
	t.Parallel()
	for _, c := range []cancelCase{
		{"before the call", 1, 0, false},
		{"waiting for the answer", 1, time.Second, true},
		{"waiting for credit", 100, time.Second, false}, // 100 is all that the hub grants
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for range 5 { // go-amqp may give up in several places
				synctest.Test(t, c.run)
			}
		})
	}
}

type cancelCase struct {
	name   string
	others int // messages that wait for their answers
	after  time.Duration
	taken  bool // the hub may have the message
}

func (c cancelCase) run(t *testing.T) {
	w := newWorld(t, c.others+2, localhub.Options{MaxQueue: c.others + 2})
	defer w.close()
	p := newProbe(w)
	var hub *faultnet.Conn
	p.dial = w.through(func(server net.Conn) net.Conn {
		hub = faultnet.NewConn(server, 1)
		return hub
	})
	s := w.service(t.Context(), iothub.Options{Dial: p.DialContext})
	p.arm(noPhase, clientFault{})
	hub.Delay(3*time.Second, 0) // of answers
	var others sync.WaitGroup
	send := func(n int) {
		if err := w.send(t.Context(), s, "dev1", n); err != nil {
			t.Errorf("message %d: %v", n, err)
		}
	}
	for n := range c.others {
		others.Go(func() { send(n) })
	}
	synctest.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	if c.after == 0 {
		cancel()
	}
	time.AfterFunc(c.after, cancel)
	err := w.send(ctx, s, "dev1", c.others)
	if !errors.Is(err, context.Canceled) || errors.Is(err, iothub.ErrIndeterminate) != c.taken {
		t.Errorf("Send = %v, want canceled, and indeterminate: %t", err, c.taken)
	}
	send(c.others + 1)
	others.Wait()
	if resent, links := s.Resent(), p.counted(phaseAttach); resent+links != 0 {
		t.Errorf("%d messages were sent again, %d links attached, want 0", resent, links)
	}
	w.closeService(s)
	w.verify()
}

// TestHalfAMessage wants nothing to follow half a message on the same link.
func TestHalfAMessage(t *testing.T) {
	t.Parallel()
	for range 10 { // go-amqp may give up in several places
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3, localhub.Options{})
			defer w.close()
			p := newProbe(w)
			s := w.service(t.Context(), iothub.Options{Dial: p.DialContext})
			p.arm(noPhase, clientFault{})
			p.current.Delay(2*time.Second, 0) // for each frame
			send := func(n int) {
				if err := w.send(t.Context(), s, "dev1", n); err != nil {
					t.Error(err)
				}
			}
			var others sync.WaitGroup
			for n := range 2 { // one is being written, and one waits: half a message has no room
				others.Go(func() { send(n) })
				synctest.Wait()
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			twoFrames := &iothub.Message{Body: make([]byte, 65_500)}
			if err := s.Send(ctx, "dev1", twoFrames); !errors.Is(err, context.Canceled) {
				t.Errorf("Send = %v, want canceled", err)
			}
			send(2)
			others.Wait()
			if sends, links := p.counted(phaseSend), p.counted(phaseAttach); sends != 4 || links != 1 || s.Resent() != 0 {
				t.Errorf("%d frames of messages, %d links attached, %d resent, want 4, 1 and 0", sends, links, s.Resent())
			}
			w.closeService(s)
			w.verify()
		})
	}
}
