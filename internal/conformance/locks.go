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

// returns are the messages of an experiment that come more than once: when each was
// taken, and when it came again, by its name.
type returns struct {
	taken, again map[string]time.Time
	count        map[string]any // the delivery count, when it came again
}

// note notes that a message has come, and reports whether that is the first time.
func (r *returns) note(name string, d *delivery) (first bool) {
	switch {
	case r.taken[name].IsZero():
		r.taken[name] = time.Now()
		return true
	case r.again[name].IsZero():
		r.again[name], r.count[name] = time.Now(), countOf(d)
	}
	return false
}

// takeNew takes messages until one comes for the first time, and returns it with its
// name.
func (l *link) takeNew(ctx context.Context, r *returns) (d *delivery, name string) {
	for {
		d = l.take(ctx)
		name = l.peer.trial.nameOf(d.id())
		if r.note(name, d) {
			return d, name
		}
	}
}

// await waits until all messages have come again, or will not any more.
func (r *returns) await(ctx context.Context, l *link) {
	figures := l.peer.trial.figures
	l.credit(uint32(len(r.taken) - len(r.again)))
	for end := time.Now().Add(figures.Lock*3/2 + figures.Soon); len(r.again) < len(r.taken); {
		d := l.next(ctx, time.Until(end))
		if d == nil {
			return
		}
		r.note(l.peer.trial.nameOf(d.id()), d)
	}
}

// moment words how long after it was taken a message has come again.
func (r *returns) moment(name string, f Figures) string {
	switch waited := r.again[name].Sub(r.taken[name]); {
	case r.again[name].IsZero():
		return "it does not come again"
	case waited >= f.Lock*4/5 && waited <= f.Lock*3/2+f.Soon:
		return whenLockEnds
	case waited < f.Silence:
		return "it comes again at once"
	default:
		return fmt.Sprintf("it comes again after %s", waited.Round(time.Second))
	}
}

// tryLocks takes four messages, each in another way, and waits for all of them.
func tryLocks(ctx context.Context, t *trial) {
	for _, name := range []string{"m1", "m2", "m3", "m4"} {
		t.put(ctx, t.message(name, ""))
	}
	r := &returns{make(map[string]time.Time), make(map[string]time.Time), make(map[string]any)}
	l := t.receiver(ctx)
	_, closed := l.takeNew(ctx, r)
	l.peer.say(&amqpwire.Close{})
	await[*amqpwire.Close](ctx, l.peer, patience, nil)
	_ = l.peer.net.Close() // the hub has said goodbye
	l = t.receiver(ctx)
	_, broken := l.takeNew(ctx, r)
	_ = l.peer.net.Close()
	t.pause(ctx, t.figures.Silence) // for the hub to notice
	l = t.receiver(ctx)
	held, heldName := l.takeNew(ctx, r)
	unsaid, unsaidName := l.takeNew(ctx, r)
	l.settle(unsaid, nil)

	r.await(ctx, l)
	t.saw(r.moment(heldName, t.figures))
	t.sawf("delivery count %v", r.count[heldName])
	for _, name := range []string{unsaidName, closed, broken} {
		t.saw(r.moment(name, t.figures))
	}
	t.saw(l.ask(ctx, held, &amqpwire.Accepted{}))
}
