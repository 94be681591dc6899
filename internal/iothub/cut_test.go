package iothub_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
)

// cut is where the first connection of one of the two clients breaks.
type cut struct {
	device    bool // else the service
	direction faultnet.Direction
	after     int64 // bytes; 0: nowhere
}

func (c cut) String() string {
	client, direction := "service", "reads"
	if c.device {
		client = "device"
	}
	if c.direction == faultnet.Writing {
		direction = "writes"
	}
	return client + " " + direction
}

// meter measures the first connections of service and device, which tells how
// far there is to cut.
type meter struct {
	first [2]*faultnet.Conn
	from  int64 // bytes that had passed when the conversation proper began
}

// order has the cut made, every other time as an end of file.
func (c cut) order(m *meter, device bool) func(int, *faultnet.Conn) {
	return func(n int, conn *faultnet.Conn) {
		if n > 1 {
			return
		}
		if device {
			m.first[1] = conn
		} else {
			m.first[0] = conn
		}
		if device == c.device && c.after > 0 {
			conn.CutAfter(c.direction, c.after, []faultnet.Ending{faultnet.Reset, faultnet.EOF}[c.after%2])
		}
	}
}

func (m *meter) passed(c cut) int64 {
	if c.device {
		return m.first[1].Passed(c.direction)
	}
	return m.first[0].Passed(c.direction)
}

// conversation is what the two clients do. It runs in a bubble.
type conversation struct {
	name     string
	messages int
	options  iothub.Options
	// idle is how long they have nothing to do before the last message.
	idle time.Duration
	// connected leaves out the cuts while the clients connect, and before they
	// are idle: another conversation has had them.
	connected bool
}

var conversations = []conversation{
	{name: "one message with feedback", messages: 1},
	{name: "a token renewal", messages: 2, options: iothub.Options{SASTTL: 2 * time.Minute}, idle: 110 * time.Second, connected: true},
	{name: "three messages", messages: 3, connected: true},
}

// run has the conversation with the cut, and returns what passed.
func (v conversation) run(t testing.TB, c cut) *meter {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w := newWorld(t, v.messages, localhub.Options{})
	defer w.close()
	m := new(meter)
	serviceOptions, deviceOptions := v.options, v.options
	serviceOptions.Dial = w.dialer(c.order(m, false)).DialContext
	deviceOptions.Dial = w.dialer(c.order(m, true)).DialContext
	service := w.service(ctx, serviceOptions)
	defer w.closeService(service)
	feedback, err := service.ReceiveFeedback(ctx)
	if err != nil {
		t.Fatal(err)
	}
	device := w.device(ctx, "dev1", deviceOptions)
	defer device.Close(ctx)
	m.from = m.passed(c)
	for n := range v.messages {
		if n == v.messages-1 && v.idle > 0 {
			if err := w.settle(ctx, device, feedback); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			m.from = m.passed(c)
			time.Sleep(v.idle)
		}
		if err := w.send(ctx, service, "dev1", n); err != nil {
			t.Errorf("message %d: %v", n, err)
		}
	}
	if err := w.settle(ctx, device, feedback); err != nil {
		t.Error(err)
	}
	w.resent += service.Resent()
	w.verify()
	w.resent = 0
	return m
}

// TestCutEverywhere breaks the stream after every byte, in both directions, of
// both clients' connections, and wants nothing lost, nothing invented and
// nothing hung, each time.
func TestCutEverywhere(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	t.Run("all", func(t *testing.T) {
		for _, v := range conversations {
			for _, c := range []cut{{false, faultnet.Reading, 0}, {false, faultnet.Writing, 0}, {true, faultnet.Reading, 0}, {true, faultnet.Writing, 0}} {
				t.Run(fmt.Sprint(v.name, ", ", c), func(t *testing.T) {
					t.Parallel()
					runs.Add(v.cutEverywhere(t, c))
				})
			}
		}
	})
	t.Logf("%d runs", runs.Load())
}

// cutStep is 1 byte. Under the race detector, which looks for something else
// and takes its time, a sample will do.
func cutStep() int64 {
	if raceDetector {
		return 29
	}
	return 1
}

func (v conversation) cutEverywhere(t *testing.T, c cut) (runs int64) {
	var total int64
	synctest.Test(t, func(t *testing.T) {
		m := v.run(t, c)
		total = m.passed(c)
		if v.connected {
			c.after = m.from
		}
	})
	for c.after++; c.after <= total && !t.Failed(); c.after += cutStep() {
		synctest.Test(t, func(t *testing.T) {
			v.run(t, c)
			if t.Failed() {
				t.Logf("cut after byte %d of %d", c.after, total)
			}
		})
		runs++
	}
	return runs
}
