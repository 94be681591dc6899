package conformance

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"time"

	"iothub-c2d/internal/mqttwire"
)

// mqttPeer is a connection of MQTT. Its methods belong to the goroutine of the trial.
type mqttPeer struct {
	trial *trial
	net   net.Conn
	in    chan mqttwire.Packet // closed when the hub has hung up
	kept  []mqttwire.Packet
}

// mqttLogin is what a device says first, if it wants no session.
func (t *trial) mqttLogin() *mqttwire.Connect {
	return &mqttwire.Connect{
		ClientID: t.subject.id(), KeepAlive: 240, CleanSession: true,
		Username: new(t.run.host() + "/" + t.subject.id() + "/?api-version=2021-04-12"),
		Password: mqttwire.Password(t.subject.token().Reveal()),
	}
}

// mqttDial returns a connection on which nothing was said yet.
func (t *trial) mqttDial(ctx context.Context) *mqttPeer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := t.run.target.mqtt(ctx)
	t.check(err)
	p := &mqttPeer{trial: t, net: c, in: make(chan mqttwire.Packet, 1<<10)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.read()
	}()
	t.closers = append(t.closers, func() {
		_ = c.Close() // it may be closed already
		<-done
	})
	return p
}

// read takes over what the hub says. It ends with the connection.
func (p *mqttPeer) read() {
	defer close(p.in)
	r := bufio.NewReader(p.net)
	for {
		packet, err := mqttwire.Read(r, 1<<20)
		if err != nil {
			p.trial.trace.add("<- end of the connection")
			return
		}
		p.trial.trace.packet("<-", packet)
		p.in <- packet
	}
}

func (p *mqttPeer) say(packet mqttwire.Packet) {
	b, err := mqttwire.Append(nil, packet)
	if err != nil {
		p.trial.untried("encode %T: %v", packet, err)
	}
	p.trial.trace.packet("->", packet)
	_, _ = p.net.Write(b) // the end of the connection shows where something is awaited
}

// awaitPacket returns the first packet of a kind, if it comes in time. Others are
// kept. over reports that the hub has hung up.
func awaitPacket[T mqttwire.Packet](ctx context.Context, p *mqttPeer, within time.Duration) (packet T, ok, over bool) {
	for i, k := range p.kept {
		if packet, ok = k.(T); ok {
			p.kept = append(p.kept[:i:i], p.kept[i+1:]...)
			return packet, true, false
		}
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		select {
		case next, more := <-p.in:
			if !more {
				return packet, false, true
			}
			if packet, ok = next.(T); ok {
				return packet, true, false
			}
			p.kept = append(p.kept, next)
		case <-timer.C:
			return packet, false, false
		case <-ctx.Done():
			p.trial.check(ctx.Err())
		}
	}
}

// mqttConnect logs in, and returns the hub's answer, nil if there is none. If that is
// too much for the hub, it waits.
func (t *trial) mqttConnect(ctx context.Context, c *mqttwire.Connect) (p *mqttPeer, answer *mqttwire.ConnAck) {
	for {
		p = t.mqttDial(ctx)
		p.say(c)
		if answer, _, _ = awaitPacket[*mqttwire.ConnAck](ctx, p, patience); answer == nil || answer.Code != mqttwire.Unavailable {
			return p, answer
		}
		t.pause(ctx, throttlePause)
	}
}

// codeText words the answer to a CONNECT.
func codeText(a *mqttwire.ConnAck) string {
	if a == nil {
		return "closed without an answer"
	}
	return fmt.Sprintf("code %d", a.Code)
}

// mqttDevice returns a connection of the device, which must be let in.
func (t *trial) mqttDevice(ctx context.Context) *mqttPeer {
	p, _ := t.mustConnect(ctx, t.mqttLogin())
	return p
}

// mqttSession returns the device's connection with a session that outlives it, and
// says whether the session was there.
func (t *trial) mqttSession(ctx context.Context) (p *mqttPeer, found string) {
	c := t.mqttLogin()
	c.CleanSession = false
	p, answer := t.mustConnect(ctx, c)
	if answer.SessionPresent {
		return p, "session present"
	}
	return p, "no session"
}

func (t *trial) mustConnect(ctx context.Context, c *mqttwire.Connect) (*mqttPeer, *mqttwire.ConnAck) {
	p, answer := t.mqttConnect(ctx, c)
	if answer == nil || answer.Code != mqttwire.Accepted {
		t.stop("CONNECT: %s", codeText(answer))
	}
	return p, answer
}

// subscribe asks for the topics that a filter matches, and returns what is granted.
func (p *mqttPeer) subscribe(ctx context.Context, filter string, qos mqttwire.QoS) string {
	p.say(&mqttwire.Subscribe{ID: 1, Filters: []mqttwire.Filter{{Topic: filter, QoS: qos}}})
	answer, ok, over := awaitPacket[*mqttwire.SubAck](ctx, p, patience)
	switch {
	case over:
		return "closed"
	case !ok || len(answer.Granted) != 1:
		return "no answer"
	case answer.Granted[0] == mqttwire.Refused:
		return "refused"
	}
	return fmt.Sprintf("QoS %d", answer.Granted[0])
}

// listen subscribes to the device's messages.
func (p *mqttPeer) listen(ctx context.Context, qos mqttwire.QoS) string {
	return p.subscribe(ctx, "devices/"+p.trial.subject.id()+"/messages/devicebound/#", qos)
}

// next returns the next message, nil if none comes in time.
func (p *mqttPeer) next(ctx context.Context, within time.Duration) *mqttwire.Publish {
	m, ok, _ := awaitPacket[*mqttwire.Publish](ctx, p, within)
	if !ok {
		return nil
	}
	return m
}

// take returns the next message, which must come.
func (p *mqttPeer) take(ctx context.Context) *mqttwire.Publish {
	m := p.next(ctx, patience)
	if m == nil {
		p.trial.stop("no message comes")
	}
	return m
}

// fate says whether the hub closes the connection within some time.
func (p *mqttPeer) fate(ctx context.Context, within time.Duration) string {
	if _, _, over := awaitPacket[*mqttwire.Disconnect](ctx, p, within); over {
		return "closed"
	}
	return "it stays"
}

// alive says whether the connection still works.
func (p *mqttPeer) alive(ctx context.Context) string {
	p.say(&mqttwire.PingReq{})
	if _, ok, _ := awaitPacket[*mqttwire.PingResp](ctx, p, p.trial.figures.Soon); !ok {
		return "closed"
	}
	return "it stays"
}
