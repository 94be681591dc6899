package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"iothub-c2d/internal/iothub"
)

var errIdle = errors.New("no message for a while")

// idleClock measures how long a device waits for a message while it is connected.
type idleClock struct {
	limit time.Duration // 0: none

	mu           sync.Mutex
	disconnected bool
	left         time.Duration // of limit, when the timer was started last
	started      time.Time
	timer        *time.Timer // nil while nothing is measured
	expire       func()      // ends the wait; nil: there is none
}

// follow makes the clock hear when the connection is lost and restored, besides
// whoever hears of it already.
func (c *idleClock) follow(o *iothub.Options) {
	lost, restored := o.Lost, o.Restored
	o.Lost = func(err error) {
		c.setConnected(false)
		if lost != nil {
			lost(err)
		}
	}
	o.Restored = func(after time.Duration) {
		c.setConnected(true)
		if restored != nil {
			restored(after)
		}
	}
}

// wait returns a context for the wait for a message. It ends with errIdle after
// the limit.
func (c *idleClock) wait(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.limit == 0 {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = c.limit
	c.expire = func() { cancel(errIdle) }
	c.start()
	return ctx, func() {
		cancel(nil)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stop()
		c.expire = nil
	}
}

func (c *idleClock) setConnected(connected bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.disconnected = !connected
	if connected {
		c.start()
	} else {
		c.stop()
	}
}

// start goes on measuring, if there is something to measure. Called with mu held.
func (c *idleClock) start() {
	if c.expire == nil || c.disconnected || c.timer != nil {
		return
	}
	c.started = time.Now()
	c.timer = time.AfterFunc(c.left, c.expire)
}

// stop interrupts measuring. Called with mu held.
func (c *idleClock) stop() {
	if c.timer == nil {
		return
	}
	c.timer.Stop()
	c.timer = nil
	c.left -= time.Since(c.started)
}
