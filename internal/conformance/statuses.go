package conformance

import (
	"context"
	"slices"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
)

// feedbackExperiments are about what senders hear, and when.
var feedbackExperiments = []experiment{
	{
		needs: service | device, sends: 6, try: tryStatuses,
		beliefs: []Belief{
			{Name: "a message that is completed is reported as Success to who asks for positive feedback", Source: docC2D, Local: string(iothub.Success)},
			{Name: "a message that is rejected is reported as Rejected to who asks for negative feedback", Source: docC2D, Local: string(iothub.Rejected)},
			{Name: "a message that nobody takes is reported as Expired", Source: docC2D, Local: string(iothub.Expired)},
			{Name: "who asks for negative feedback does not hear of a success", Source: docC2D, Local: noReport},
			{Name: "who asks for positive feedback does not hear of a reject", Source: docC2D, Local: noReport},
			{Name: "who asks for none hears nothing", Source: docC2D, Local: noReport},
		},
	},
	{
		needs: service | registry, sends: 1, try: tryGeneration,
		beliefs: []Belief{
			{
				Name: "a message to a device that is deleted is reported as Purged", Source: Inference,
				Choice: "The messages of a deleted one are purged: feedback says Purged, with its old generation id.", Local: string(iothub.Purged),
			},
			{
				Name: "feedback carries the generation that the message was sent to", Source: docC2D + ", and inference",
				Choice: "with its old generation id", Local: "the generation of the deleted device",
			},
			{
				Name: "a device that is made again has another generation", Source: docRegistry, Local: "another generation",
			},
		},
	},
	{
		needs: service, sends: 0, try: tryTwoReaders,
		beliefs: []Belief{{
			Name: "readers of feedback compete, and displace nobody", Source: Inference,
			Choice: "Readers of feedback compete instead, and share.", Local: "both stay attached",
		}},
	},
}

func tryStatuses(ctx context.Context, t *trial) {
	l := t.receiver(ctx)
	for _, s := range []struct {
		name  string
		ack   iothub.Ack
		state amqpwire.DeliveryState
	}{
		{"completed", iothub.AckPositive, &amqpwire.Accepted{}},
		{"rejected", iothub.AckNegative, &amqpwire.Rejected{}},
		{"unheard-success", iothub.AckNegative, &amqpwire.Accepted{}},
		{"unheard-reject", iothub.AckPositive, &amqpwire.Rejected{}},
		{"unheard", iothub.AckNone, &amqpwire.Accepted{}},
	} {
		t.put(ctx, t.message(s.name, s.ack))
		l.ask(ctx, l.take(ctx), s.state)
	}
	t.putShort(ctx, "left")
	t.pause(ctx, t.figures.Expiry)
	for _, name := range []string{"completed", "rejected", "left"} {
		t.saw(t.report(ctx, name))
	}
	t.pause(ctx, t.figures.Feedback+t.figures.Soon)
	for _, name := range []string{"unheard-success", "unheard-reject", "unheard"} {
		t.saw(t.reportWithin(ctx, name, 0))
	}
}

func tryGeneration(ctx context.Context, t *trial) {
	t.put(ctx, t.message("m", iothub.AckFull))
	t.check(t.run.remove(ctx, t.trace, t.subject.id()))
	old := t.subject.generation
	if status := t.report(ctx, "m"); status == noReport {
		t.stop(noReport)
	}
	record, _ := t.reported(ctx, 0, func(f iothub.Feedback) bool { return f.MessageID == t.id("m") })
	t.saw(string(record.Status))
	if record.DeviceGenerationID == old {
		t.saw("the generation of the deleted device")
	} else {
		t.saw("another generation")
	}
	renewed, err := t.run.newSubject(ctx, t.trace, t.subject.id())
	t.check(err)
	if renewed.generation != old {
		t.saw("another generation")
	} else {
		t.saw("the same generation")
	}
}

// tryTwoReaders attaches two links for feedback that take none.
func tryTwoReaders(ctx context.Context, t *trial) {
	const feedbackAddress = "/messages/serviceBound/feedback"
	p := t.login(ctx, t.run.token())
	links := []*link{p.mustAttach(ctx, receiving(feedbackAddress)), p.mustAttach(ctx, receiving(feedbackAddress))}
	lost := slices.ContainsFunc(links, func(l *link) bool { return l.lost(ctx, t.figures.Silence) != "" })
	if lost {
		t.saw("one is detached")
	} else {
		t.saw("both stay attached")
	}
}
