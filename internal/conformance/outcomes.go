package conformance

import (
	"context"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
)

// outcomeExperiments are about what a device says of a message, and what its sender
// hears.
var outcomeExperiments = []experiment{
	{
		needs: service | device, sends: 2, try: tryAbandon,
		beliefs: []Belief{
			{
				Name: "rcv-settle-mode second is echoed", Source: "go-amqp fails the link if not (session.go); the C# SDK asks for second",
				Local: "second",
			},
			{
				Name: "an abandon is answered with accepted", Source: "AmqpIotOutcome.cs of the C# SDK: after any other answer AbandonAsync fails",
				Local: accepted,
			},
			{
				Name: "an abandon counts as a delivery", Source: docC2D, Choice: "an abandon does", Local: "delivery count 1",
			},
			{
				Name: "a message comes back to its old place, in front of younger ones", Source: Inference,
				Choice: "A message comes back to its old place, in front of younger ones.", Local: "the older one comes first",
			},
		},
	},
	{
		needs: service | device, sends: 1, try: tryAbandonTen,
		beliefs: []Belief{{
			Name: "a message that is abandoned ten times is dead-lettered", Source: docC2D + " (the figure is a setting of the hub)",
			Local: "DeliveryCountExceeded after 10 abandons",
		}},
	},
	{
		needs: service | device, sends: 1, try: tryModified,
		beliefs: []Belief{
			{
				Name: "modified, without more, gives a message back uncounted", Source: Inference,
				Choice: "otherwise gives it back uncounted", Local: "at once, delivery count 0",
			},
			{
				Name: "modified with delivery-failed abandons", Source: Inference,
				Choice: "The outcome modified abandons a message if the delivery has failed", Local: "at once, delivery count 1",
			},
			{
				Name: "modified with undeliverable-here rejects", Source: Inference,
				Choice: "rejects it if it is undeliverable here", Local: string(iothub.Rejected),
			},
		},
	},
	{
		needs: service | device, sends: 1, try: tryDetach,
		beliefs: []Belief{
			{
				Name: "a link that is detached gives its messages back uncounted", Source: Inference,
				Choice: "When a device detaches its link or ends its session, or its token expires, the messages in its hands go back at once, uncounted.",
				Local:  "at once, delivery count 0",
			},
			{
				Name: "a session that ends gives its messages back uncounted", Source: Inference,
				Choice: "ends its session", Local: "at once, delivery count 0",
			},
			{
				Name: "a link that is detached with an error gives its messages back uncounted", Source: Inference,
				Choice: "A link that the device detaches with an error gives its messages back like any other.",
				Local:  "at once, delivery count 0",
			},
		},
	},
	{
		needs: service | device, sends: 2, try: tryExpiry,
		beliefs: []Belief{
			{
				Name: "to complete a message that has expired in the device's hands fails", Source: "azure-iot-sdk-csharp issue 117, and inference",
				Choice: "To complete it then fails: the lock is lost.", Local: "com.microsoft:message-lock-lost (412002)",
			},
			{
				Name: "to reject a message that has expired in the device's hands still works", Source: Inference,
				Choice: "To reject it still works, and is what the feedback says.", Local: accepted,
			},
			{
				Name: "a message that expired in the device's hands and was rejected is reported as rejected", Source: Inference,
				Choice: "is what the feedback says", Local: string(iothub.Rejected),
			},
			{
				Name: "a message that expired in the device's hands is reported as expired", Source: docC2D + ", and inference",
				Choice: "A message that expires in a device's hands ends when the device lets go of it, or its lock runs out.",
				Local:  string(iothub.Expired),
			},
		},
	},
	{
		needs: service | device, sends: 1, try: trySettled,
		beliefs: []Belief{
			{
				Name: "a receiver that asks for settled messages gets them", Source: "AMQP 1.0 part 2 §2.8.2, and inference",
				Choice: "To a receiver that wants settled messages", Local: "settled",
			},
			{
				Name: "a message that was sent settled is complete", Source: Inference,
				Choice: "a message is complete once it is sent", Local: string(iothub.Success),
			},
		},
	},
}

func tryAbandon(ctx context.Context, t *trial) {
	t.put(ctx, t.message("older", ""), t.message("younger", ""))
	l := t.receiver(ctx)
	mode := "first"
	if m := l.reply.RcvSettleMode; m != nil && *m == amqpwire.ReceiverSecond {
		mode = "second"
	}
	t.saw(mode)
	t.saw(l.ask(ctx, l.take(ctx), &amqpwire.Released{}))
	again := l.take(ctx)
	t.sawf("delivery count %v", countOf(again))
	t.sawf("the %s one comes first", t.nameOf(again.id()))
}

func tryAbandonTen(ctx context.Context, t *trial) {
	t.put(ctx, t.message("m", iothub.AckFull))
	l := t.receiver(ctx)
	abandons := 0
	l.credit(1)
	for d := l.next(ctx, t.figures.Soon); d != nil && abandons < 100; d = l.next(ctx, t.figures.Soon) {
		l.ask(ctx, d, &amqpwire.Released{})
		abandons++
		l.credit(1)
	}
	t.sawf("%s after %d abandons", t.report(ctx, "m"), abandons)
}

// again lets the hub send a message once more that it was given back. The trial ends
// if it does not come.
func (l *link) again(ctx context.Context) *delivery {
	l.credit(1)
	d := l.next(ctx, l.peer.trial.figures.Soon)
	if d == nil {
		l.peer.trial.stop("not within %s", l.peer.trial.figures.Soon)
	}
	l.peer.trial.sawf("at once, delivery count %v", countOf(d))
	return d
}

func tryModified(ctx context.Context, t *trial) {
	t.put(ctx, t.message("m", iothub.AckFull))
	l := t.receiver(ctx)
	l.ask(ctx, l.take(ctx), &amqpwire.Modified{})
	l.ask(ctx, l.again(ctx), &amqpwire.Modified{DeliveryFailed: true})
	l.ask(ctx, l.again(ctx), &amqpwire.Modified{UndeliverableHere: true})
	t.saw(t.report(ctx, "m"))
}

func tryDetach(ctx context.Context, t *trial) {
	t.put(ctx, t.message("m", ""))
	l := t.receiver(ctx)
	p := l.peer
	l.take(ctx)
	l.detach(ctx, nil)

	l = p.mustAttach(ctx, receiving(t.subject.inbox()))
	l.again(ctx)
	p.say(&amqpwire.End{})
	must[*amqpwire.End](ctx, p, "end")
	p.begin(ctx)

	l = p.mustAttach(ctx, receiving(t.subject.inbox()))
	l.again(ctx)
	l.detach(ctx, &amqpwire.Error{Condition: "amqp:internal-error", Description: "the device has a fault"})

	l = p.mustAttach(ctx, receiving(t.subject.inbox()))
	l.ask(ctx, l.again(ctx), &amqpwire.Accepted{})
}

func tryExpiry(ctx context.Context, t *trial) {
	l := t.receiver(ctx)
	var held []*delivery
	for _, name := range []string{"completed", "rejected"} {
		t.putShort(ctx, name)
		held = append(held, l.take(ctx))
	}
	t.pause(ctx, t.figures.Expiry+time.Second)
	t.saw(l.ask(ctx, held[0], &amqpwire.Accepted{}))
	t.saw(l.ask(ctx, held[1], &amqpwire.Rejected{}))
	t.saw(t.report(ctx, "rejected"))
	t.saw(t.report(ctx, "completed"))
}

func trySettled(ctx context.Context, t *trial) {
	t.put(ctx, t.message("m", iothub.AckFull))
	a := receiving(t.subject.inbox())
	a.SndSettleMode, a.RcvSettleMode = new(amqpwire.SenderSettled), nil
	l := t.login(ctx, t.subject.token()).mustAttach(ctx, a)
	if d := l.take(ctx); d.Settled {
		t.saw("settled")
	} else {
		t.saw("unsettled")
	}
	t.saw(t.report(ctx, "m"))
}
