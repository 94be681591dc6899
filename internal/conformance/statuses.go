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
		needs: service | registry, sends: 1, try: tryNoID,
		beliefs: []Belief{{
			Name: "feedback on a message without an id has none", Source: Inference, Choice: "it is then empty in the feedback", Local: "Success of no id",
		}},
	},
	{
		needs: service, try: tryTwoReaders,
		beliefs: []Belief{{
			Name: "readers of feedback compete, and displace nobody", Source: Inference,
			Choice: "Readers of feedback compete instead, and share.", Local: "both stay attached",
		}},
	},
}

// client returns the project's own device, which leaves when the trial ends.
func (t *trial) client(ctx context.Context) *iothub.Device {
	d, err := iothub.DialDevice(ctx, t.subject.cs, &iothub.Options{Dial: t.run.target.amqp})
	t.check(err)
	t.closers = append(t.closers, func() { _ = d.Close(context.WithoutCancel(ctx)) })
	return d
}

func tryStatuses(ctx context.Context, t *trial) {
	d := t.client(ctx)
	for _, s := range []struct {
		name   string
		ack    iothub.Ack
		settle func(*iothub.Delivery, context.Context) error
	}{
		{"completed", iothub.AckPositive, (*iothub.Delivery).Complete},
		{"rejected", iothub.AckNegative, (*iothub.Delivery).Reject},
		{"unheard-success", iothub.AckNegative, (*iothub.Delivery).Complete},
		{"unheard-reject", iothub.AckPositive, (*iothub.Delivery).Reject},
		{"unheard", iothub.AckNone, (*iothub.Delivery).Complete},
	} {
		t.put(ctx, t.message(s.name, s.ack))
		m, err := d.Receive(ctx)
		t.check(err)
		t.check(s.settle(m, ctx))
	}
	_ = d.Close(ctx) // the next one is for nobody; how a socket ends does not matter
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

func tryNoID(ctx context.Context, t *trial) {
	m := t.message("", iothub.AckFull)
	m.ID = ""
	t.put(ctx, m)
	l := t.receiver(ctx)
	l.ask(ctx, l.take(ctx), &amqpwire.Accepted{})
	mine := func(f iothub.Feedback) bool { return f.DeviceID == t.subject.id() }
	record, found := t.reported(ctx, t.figures.Feedback+t.figures.Soon, mine)
	switch {
	case !found:
		t.saw(noReport)
	case record.MessageID == "":
		t.sawf("%s of no id", record.Status)
	default:
		t.sawf("%s of an id of the hub's", record.Status)
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
