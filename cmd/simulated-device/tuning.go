package main

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/fault"
)

// tuning is the figures of a hub that flags can change. They are IoT Hub's own,
// but for the feedback, which does not keep anyone waiting.
type tuning struct {
	lock, ttl, feedback  console.Duration
	deliveries, maxQueue int
	faithful             bool
	faults               string
	flags                *pflag.FlagSet
}

// faithfulFeedback is the time between IoT Hub's feedback batches. Source:
// Microsoft docs, iot-hub-devguide-messages-c2d.
const faithfulFeedback = 15 * time.Second

func (t *tuning) addFlags(f *pflag.FlagSet) {
	t.flags = f
	t.lock, t.ttl = console.Duration(time.Minute), console.Duration(time.Hour)
	f.Var(&t.lock, "lock-timeout", "how long a device may hold a message")
	f.Var(&t.ttl, "default-ttl", "life of a message that names no expiry")
	f.IntVar(&t.deliveries, "max-delivery-count", 10, "abandon a message `N` times, and it is dead-lettered")
	f.IntVar(&t.maxQueue, "max-queue", 50, "messages (`N`) that may wait for one device")
	f.Var(&t.feedback, "feedback-interval", "collect feedback this long (default: send it at once)")
	f.BoolVar(&t.faithful, "faithful", false, "all as on Azure: feedback every 15s, or for 64 messages")
	f.StringVar(&t.faults, "fault", "", "do `FAULTS` on purpose, such as drop-after=20,refuse-auth:first=1")
}

func (t *tuning) apply(o *localhub.Options) error {
	switch {
	case t.lock == 0 || t.ttl == 0:
		return console.Usagef("--lock-timeout and --default-ttl cannot be 0")
	case t.deliveries < 1 || t.maxQueue < 1:
		return console.Usagef("--max-delivery-count and --max-queue take a positive number")
	}
	if t.faithful && !t.flags.Changed("feedback-interval") {
		t.feedback = console.Duration(faithfulFeedback)
	}
	o.LockTimeout, o.DefaultTTL = time.Duration(t.lock), time.Duration(t.ttl)
	o.MaxDeliveryCount, o.MaxQueue = t.deliveries, t.maxQueue
	o.FeedbackInterval = time.Duration(t.feedback)
	faults, err := fault.Parse(t.faults)
	if err != nil {
		return console.Usage(fmt.Errorf("--fault: %w", err), "the README lists the faults")
	}
	if len(faults.List) > 0 {
		o.Faults, err = fault.NewInjector(faults)
	}
	return err
}
