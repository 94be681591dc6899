package amqpserver

import (
	"time"

	"iothub-c2d/internal/amqpwire"
)

// delayed is a frame that is handled later. Nothing is heard from the client before
// that. The zero value is none.
type delayed struct {
	frame amqpwire.Frame
	timer *time.Timer
}

// delay puts a frame off if [Options.Delay] says so.
func (c *Conn) delay(f amqpwire.Frame) bool {
	a, ok := f.Body.(*amqpwire.Attach)
	if !ok || c.options.Delay == nil {
		return false
	}
	wait := c.options.Delay(c, address(a))
	if wait <= 0 {
		return false
	}
	c.delayed = delayed{f, time.NewTimer(wait)}
	return true
}

// due returns what says that it is time to handle the frame; nil if there is none.
func (d *delayed) due() <-chan time.Time {
	if d.timer == nil {
		return nil
	}
	return d.timer.C
}

// take returns the frame, of which nothing is left.
func (d *delayed) take() amqpwire.Frame {
	f := d.frame
	*d = delayed{}
	return f
}

func (d *delayed) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}
