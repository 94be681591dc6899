package conformance

import (
	"context"
	"fmt"
	"strings"

	"iothub-c2d/internal/amqpwire"
)

// requestExperiments are about what comes before the first message.
var requestExperiments = []experiment{
	{
		needs: device, try: tryRequests,
		beliefs: []Belief{
			{Name: "without a token no link is attached", Source: docAMQP, Local: unauthorized},
			{Name: "the status of put-token is an int", Source: "the C# and Java SDKs and uAMQP take no other type", Local: "int32"},
			{Name: "the reply to put-token repeats the request's id in its type: a uuid", Source: "the Java SDK sends it so", Local: "uuid"},
			{Name: "the reply to put-token repeats the request's id in its type: a ulong", Source: "uAMQP sends it so", Local: "ulong"},
			{Name: "put-token takes the token type of the C# SDK", Source: "IotHubConnection.cs of the C# SDK", Local: "200"},
			{Name: "an address that is no endpoint is not found", Source: "azure-iot-sdk-c issue 210, a trace", Local: "amqp:not-found (404006)"},
			{Name: "the hub announces that it drops a client that is silent for four minutes", Source: "azure-iot-sdk-c issue 2233, a trace", Choice: "A client that is silent for four minutes", Local: "240000 ms"},
		},
	},
	{
		needs: device, try: tryFrames,
		beliefs: []Belief{
			{Name: "the properties of a link are confirmed", Source: "azure-iot-sdk-c issue 2233, a trace", Choice: "Properties of a link that have more than 1 KB, or are not plain, are not confirmed.", Local: "confirmed"},
			{Name: "long properties of a link are not confirmed", Source: Inference, Choice: "Properties of a link that have more than 1 KB, or are not plain, are not confirmed.", Local: "not confirmed"},
			{
				Name: "an error that does not fit into a frame is told without its description", Source: Inference,
				Choice: "An error that does not fit into the client's max-frame-size is told without its description.", Local: "amqp:not-found, without a description",
			},
		},
	},
	{
		needs: device, try: tryPlain,
		beliefs: []Belief{
			{Name: "SASL offers PLAIN, ANONYMOUS, MSSBCBS and EXTERNAL", Source: "azure-iot-sdks issue 263 and go-amqp issue 326, traces", Local: "ANONYMOUS, EXTERNAL, MSSBCBS, PLAIN"},
			{Name: "SASL PLAIN takes a device's token", Source: docAMQP, Local: "code 0"},
			{Name: "the hub's name in the user of SASL PLAIN is not looked at", Source: Inference, Choice: "The hub named in the user of SASL PLAIN, or of MQTT, is not looked at.", Local: "code 0"},
		},
	},
}

func tryRequests(ctx context.Context, t *trial) {
	token := t.subject.token()
	request := func(id any) *amqpwire.Message { return putTokenRequest(token.Reveal(), token.RawResource(), id) }
	t.saw(t.connect(ctx).tryAttach(ctx, receiving(t.subject.inbox()))) // after which a hub may hang up
	p := t.connect(ctx)
	first := p.request(ctx, request(amqpwire.UUID{1, 2, 3}))
	status, _ := first.ApplicationProperties.Get("status-code")
	t.sawf("%T", status)
	t.saw(sameID(first, amqpwire.UUID{1, 2, 3}, "uuid"))
	t.saw(sameID(p.request(ctx, request(uint64(7))), uint64(7), "ulong"))
	other := request("id")
	other.ApplicationProperties[1].Value = "azure-devices.net:sastoken"
	code, _ := p.request(ctx, other).ApplicationProperties.Get("status-code")
	t.sawf("%v", code)
	t.saw(p.tryAttach(ctx, receiving("/devices/"+t.subject.id()+"/nothing")))
	if timeout := p.open.IdleTimeOut; timeout != nil {
		t.sawf("%d ms", *timeout)
	} else {
		t.saw("it announces nothing")
	}
}

// sameID says whether a reply is to the request with an id.
func sameID(reply *amqpwire.Message, id any, name string) string {
	if reply.Properties != nil && reply.Properties.CorrelationID == id {
		return name
	}
	if reply.Properties == nil {
		return "no id"
	}
	return fmt.Sprintf("%T", reply.Properties.CorrelationID)
}

// tryFrames is about what the hub's own frames hold.
func tryFrames(ctx context.Context, t *trial) {
	p := t.login(ctx, t.subject.token())
	for _, length := range []int{10, 2000} {
		a := receiving(t.subject.inbox())
		a.Properties = amqpwire.Map{{Key: amqpwire.Symbol("com.microsoft:client-version"), Value: strings.Repeat("v", length)}}
		if l := p.mustAttach(ctx, a); l.reply.Properties.String("com.microsoft:client-version") != "" {
			t.saw("confirmed")
		} else {
			t.saw("not confirmed")
		}
	}
	p = t.dial(ctx, t.run.target.amqp)
	p.start(ctx, &amqpwire.Open{ContainerID: t.id("small"), Hostname: t.run.host(), MaxFrameSize: new(uint32(amqpwire.MinMaxFrameSize))})
	p.begin(ctx)
	p.mustPut(ctx, t.subject.token())
	p.say(&amqpwire.Attach{
		Name: "unknown", Handle: p.handle, Role: amqpwire.RoleReceiver, Target: &amqpwire.Target{},
		Source: &amqpwire.Source{Address: "/" + strings.Repeat("unknown/", 50)},
	})
	d, _, ok := await(ctx, p, patience, func(d *amqpwire.Detach) bool { return d.Error != nil })
	switch {
	case !ok:
		t.sawf("no error: %s", p.end())
	case d.Error.Description == "":
		t.sawf("%s, without a description", d.Error.Condition)
	default:
		t.saw(errorText(d.Error))
	}
}
