package conformance

import (
	"context"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
)

var lockExperiments = []experiment{
	{
		needs: service | device, sends: 4, try: tryLocks,
		beliefs: []Belief{
			{
				Name: "to complete a message whose lock has run out is refused", Source: docC2D + "; amqp:link errors of the C# and Node SDKs",
				Local: "refused: com.microsoft:message-lock-lost (412002)",
			},
		},
	},
	{
		needs: service | device, sends: 2, try: tryAbandon,
		beliefs: []Belief{
			{
				Name: "rcv-settle-mode second is echoed", Source: "go-amqp fails the link if it is not (session.go); azure-iot-sdk-csharp asks for it",
				Local: "second",
			},
			{
				Name: "an abandon is answered with accepted", Source: "azure-iot-sdk-csharp, AmqpIotOutcome.cs: any other answer makes AbandonAsync fail",
				Local: accepted,
			},
			{
				Name: "an abandon counts as a delivery", Source: docC2D,
				Choice: "A lock that runs out does not count as a delivery (but see [Options.CountLostLocks]); an abandon does.",
				Local:  "delivery count 1",
			},
		},
	},
}

// receiver returns a link that receives the device's messages, on a connection of
// its own.
func (t *trial) receiver(ctx context.Context) *link {
	return t.login(ctx, t.subject.token()).mustAttach(ctx, receiving(t.subject.inbox()))
}

func tryLocks(ctx context.Context, t *trial) {
	t.put(ctx, t.message("held", ""))
	l := t.receiver(ctx)
	held := l.take(ctx)
	t.pause(ctx, t.figures.Lock+t.figures.Silence)
	t.saw("%s", l.ask(ctx, held, &amqpwire.Accepted{}))
}

func tryAbandon(ctx context.Context, t *trial) {
	t.put(ctx, t.message("older", ""), t.message("younger", ""))
	l := t.receiver(ctx)
	if mode := l.reply.RcvSettleMode; mode != nil && *mode == amqpwire.ReceiverSecond {
		t.saw("second")
	} else {
		t.saw("first")
	}
	t.saw("%s", l.ask(ctx, l.take(ctx), &amqpwire.Released{}))
	again := l.take(ctx)
	count, _ := again.message.Annotations.Get("iothub-deliverycount")
	t.saw("delivery count %v", count)
	_ = time.Second
	_ = iothub.AckNone
}
