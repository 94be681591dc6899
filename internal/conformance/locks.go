package conformance

import (
	"context"
	"fmt"
	"time"

	"iothub-c2d/internal/amqpwire"
)

const choiceConnection = "When the connection ends in any way, even by a close, their locks run out by themselves."

// lockExperiments are about messages in a device's hands of which nothing is said.
var lockExperiments = []experiment{
	{
		needs: service | device, sends: 4, try: tryLocks,
		beliefs: []Belief{
			{
				Name: "a lock lasts 60 s", Source: docC2D, Local: whenLockEnds,
			},
			{
				Name: "a lock that runs out does not count as a delivery", Source: docC2D + " (of 2026; older ones say that it does)",
				Choice: "A lock that runs out does not count as a delivery", Local: "delivery count 0",
			},
			{
				Name: "a settlement without an outcome leaves the lock running", Source: Inference,
				Choice: "A settlement without an outcome leaves the lock running.", Local: whenLockEnds,
			},
			{
				Name: "when a connection is closed, the locks of its messages run on", Source: Inference,
				Choice: choiceConnection, Local: whenLockEnds,
			},
			{
				Name: "when a connection breaks, the locks of its messages run on", Source: Inference,
				Choice: choiceConnection, Local: whenLockEnds,
			},
			{
				Name: "to complete a message whose lock has run out is refused", Source: docC2D + "; amqp_common_errors.ts of the Node SDK",
				Local: "com.microsoft:message-lock-lost (412002)",
			},
		},
	},
}

// whenLockEnds is what is seen of a message that nothing is said of.
const whenLockEnds = "it comes again when the lock ends"

// receiver returns a link that receives the device's messages, on a connection of
// its own.
func (t *trial) receiver(ctx context.Context) *link {
	return t.login(ctx, t.subject.token()).mustAttach(ctx, receiving(t.subject.inbox()))
}

// countOf returns the delivery count that the hub has stamped on a message.
func countOf(d *delivery) any {
	count, _ := d.message.Annotations.Get("iothub-deliverycount")
	return count
}

// moment words how long after it was taken a message has come again.
func (t *trial) moment(taken, again time.Time) string {
	switch waited := again.Sub(taken); {
	case again.IsZero():
		return "it does not come again"
	case waited >= t.figures.Lock*4/5 && waited <= t.figures.Lock*3/2+t.figures.Soon:
		return whenLockEnds
	case waited < t.figures.Silence:
		return "it comes again at once"
	default:
		return fmt.Sprintf("it comes again after %s", waited.Round(time.Second))
	}
}

// tryLocks takes four messages, each in another way, and waits for all of them.
func tryLocks(ctx context.Context, t *trial) {
	names := []string{"closed", "broken", "held", "unsaid"}
	for _, name := range names {
		t.put(ctx, t.message(name, ""))
	}
	taken := make(map[string]time.Time)
	take := func(l *link, name string) *delivery {
		d := l.take(ctx)
		taken[name] = time.Now()
		return d
	}
	l := t.receiver(ctx)
	take(l, "closed")
	l.peer.say(&amqpwire.Close{})
	await[*amqpwire.Close](ctx, l.peer, patience, nil)
	_ = l.peer.net.Close() // the hub has said goodbye
	l = t.receiver(ctx)
	take(l, "broken")
	_ = l.peer.net.Close()
	t.pause(ctx, t.figures.Silence) // for the hub to notice
	l = t.receiver(ctx)
	held := take(l, "held")
	l.settle(take(l, "unsaid"), nil)

	again, count := l.collect(ctx, len(names))
	t.saw(t.moment(taken["held"], again["held"]))
	t.sawf("delivery count %v", count["held"])
	for _, name := range []string{"unsaid", "closed", "broken"} {
		t.saw(t.moment(taken[name], again[name]))
	}
	t.saw(l.ask(ctx, held, &amqpwire.Accepted{}))
}

// collect waits for so many messages, and returns when each came, and its delivery
// count, by its name.
func (l *link) collect(ctx context.Context, n int) (at map[string]time.Time, count map[string]any) {
	t := l.peer.trial
	at, count = make(map[string]time.Time), make(map[string]any)
	l.credit(uint32(n))
	for end := time.Now().Add(t.figures.Lock*3/2 + t.figures.Soon); n > 0; n-- {
		d := l.next(ctx, time.Until(end))
		if d == nil {
			break
		}
		name := t.nameOf(d.id())
		at[name], count[name] = time.Now(), countOf(d)
	}
	return at, count
}
