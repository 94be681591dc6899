package conformance

import (
	"context"
	"time"

	"iothub-c2d/internal/mqttwire"
)

// mqttLoginExperiments are about who is let in over MQTT, and what closes the
// connection.
var mqttLoginExperiments = []experiment{
	{
		needs: device, try: tryTopics,
		beliefs: []Belief{
			{Name: "a subscription that the hub does not know is refused", Source: docMQTT, Choice: "A subscription that IoT Hub does not know is refused, and the connection stays", Local: "refused"},
			{Name: "after a subscription was refused the connection stays", Source: Inference, Choice: "and the connection stays", Local: "it stays"},
			{Name: "telemetry with the flag retain is taken", Source: docMQTT, Choice: "What is retained is not: the flag means nothing.", Local: "acknowledged"},
			{Name: "a message to a topic that the hub does not know closes the connection", Source: docMQTT + ", and inference", Choice: choiceTopics, Local: "closed"},
			{Name: "a message with QoS 2 closes the connection", Source: docMQTT, Choice: choiceTopics, Local: "closed"},
		},
	},
	{
		needs: device, try: tryLogins,
		beliefs: []Belief{
			{Name: "a will that is no telemetry is refused", Source: docMQTT + ", the code is inferred", Choice: "A will must be telemetry.", Local: "code 5"},
			{Name: "a will that is telemetry is taken", Source: docMQTT, Choice: "A will must be telemetry.", Local: "code 0"},
			{Name: "the id of an MQTT client must be that in its user name", Source: docMQTT + ", the code is inferred", Choice: "The id of an MQTT client must be that in its user name", Local: "code 4"},
			{Name: "the hub's name in the user of MQTT is not looked at", Source: Inference, Choice: "The hub named in the user of SASL PLAIN, or of MQTT, is not looked at.", Local: "code 0"},
			{Name: "the api-version may be missing in the user of MQTT", Source: "amenzhinsky/iothub has no question mark before it, and inference", Choice: "of which the rest does not matter", Local: "code 0"},
			{Name: "a client id with a + is refused", Source: Inference, Choice: "One with + or # is refused: no topic can hold it.", Local: "code 2"},
			{Name: "a wrong password is refused", Source: docMQTT, Local: "code 5"},
		},
	},
	{
		needs: device, try: tryEndOfPassword,
		beliefs: []Belief{{
			Name: "when its token ends, a connection over MQTT is closed", Source: docMQTT, Choice: "A connection over MQTT is closed.", Local: "closed",
		}},
	},
	{
		needs: device, try: trySubprotocols,
		beliefs: []Belief{
			{Name: "AMQP over WebSocket may be offered as AMQPWSB10", Source: "all SDKs", Choice: "AMQP over WebSocket may be offered as AMQPWSB10 or as amqp", Local: "AMQPWSB10"},
			{Name: "AMQP over WebSocket may be offered as amqp", Source: "the OASIS draft AMQP WebSocket Binding, and inference", Choice: "the answer is spelled like the offer", Local: "amqp"},
			{Name: "of AMQP and MQTT over WebSocket AMQP is taken", Source: Inference, Choice: "It is preferred to MQTT.", Local: "AMQPWSB10"},
		},
	},
}

func tryTopics(ctx context.Context, t *trial) {
	events := "devices/" + t.subject.id() + "/messages/events/"
	p := t.mqttDevice(ctx)
	t.saw(p.subscribe(ctx, "devices/"+t.id("nobody")+"/messages/devicebound/#", mqttwire.AtLeastOnce))
	t.saw(p.alive(ctx))
	p.say(&mqttwire.Publish{QoS: mqttwire.AtLeastOnce, Retain: true, Topic: events, ID: 1, Payload: []byte("telemetry")})
	if _, ok, _ := awaitPacket[*mqttwire.PubAck](ctx, p, t.figures.Soon); ok {
		t.saw("acknowledged")
	} else {
		t.saw("not acknowledged")
	}
	p.say(&mqttwire.Publish{QoS: mqttwire.AtLeastOnce, Topic: "devices/" + t.subject.id() + "/nothing", ID: 2})
	t.saw(p.fate(ctx, t.figures.Soon))
	p = t.mqttDevice(ctx)
	p.say(&mqttwire.Publish{QoS: mqttwire.ExactlyOnce, Topic: events, ID: 3})
	t.saw(p.fate(ctx, t.figures.Soon))
}

func tryLogins(ctx context.Context, t *trial) {
	id := t.subject.id()
	for _, change := range []func(c *mqttwire.Connect){
		func(c *mqttwire.Connect) { c.Will = &mqttwire.Will{Topic: "devices/" + id + "/nothing"} },
		func(c *mqttwire.Connect) { c.Will = &mqttwire.Will{Topic: "devices/" + id + "/messages/events/"} },
		func(c *mqttwire.Connect) { c.Username = new(t.run.host() + "/" + id + "x/?api-version=2021-04-12") },
		func(c *mqttwire.Connect) { c.Username = new("another/" + id + "/?api-version=2021-04-12") },
		func(c *mqttwire.Connect) { c.Username = new(t.run.host() + "/" + id) },
		func(c *mqttwire.Connect) {
			c.ClientID += "+"
			c.Username = new(t.run.host() + "/" + id + "+/?api-version=2021-04-12")
		},
		func(c *mqttwire.Connect) { c.Password = mqttwire.Password("no token") },
	} {
		c := t.mqttLogin()
		change(c)
		p, answer := t.mqttConnect(ctx, c)
		t.saw(codeText(answer))
		p.say(&mqttwire.Disconnect{})
	}
}

func tryEndOfPassword(ctx context.Context, t *trial) {
	t.needsKey()
	const grace = 5 * time.Minute
	c := t.mqttLogin()
	c.Password = mqttwire.Password(t.subject.tokenFor(t.subject.cs.Resource(), time.Now().Add(t.figures.Expiry-grace)).Reveal())
	p, answer := t.mqttConnect(ctx, c)
	if answer == nil || answer.Code != mqttwire.Accepted {
		t.stop("a token that has just ended: %s", codeText(answer))
	}
	t.saw(p.fate(ctx, t.figures.Expiry+t.figures.Soon))
}

func trySubprotocols(ctx context.Context, t *trial) {
	for _, offered := range [][]string{{subprotocolAMQP}, {"amqp"}, {subprotocolMQTT, subprotocolAMQP}} {
		limited, cancel := context.WithTimeout(ctx, patience)
		c, chosen, err := t.run.target.webSocket(limited, offered...)
		cancel()
		if err != nil {
			t.sawf("%v", bare(err))
			continue
		}
		_ = c.Close() // nothing more is wanted from it
		t.saw(chosen)
	}
}
