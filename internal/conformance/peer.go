package conformance

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// patience is how long the hub may take for an answer that must come.
const patience = 30 * time.Second

// peer is a connection of AMQP that says what no client says. Its methods belong to
// the goroutine of the trial.
type peer struct {
	trial *trial
	net   net.Conn
	in    chan amqpwire.Frame // closed when the hub has hung up
	kept  []amqpwire.Frame    // have come, and nobody has asked for them yet
	open  *amqpwire.Open      // the hub's

	over bool // the hub has hung up

	handle   uint32 // of the next link
	delivery uint32 // id of the next one that is sent

	// The session's counters of transfers (part 2 §2.5.6).
	nextIncoming, nextOutgoing uint32

	cbsOut, cbsIn *link // of the session; nil before they are needed
}

// connect returns an open connection with a session, on which nobody is logged in.
func (t *trial) connect(ctx context.Context) *peer { return t.connectBy(ctx, t.run.target.amqp) }

// connectBy is connect on a stream that is opened in another way.
func (t *trial) connectBy(ctx context.Context, open opener) *peer {
	p := t.dial(ctx, open)
	p.start(ctx, &amqpwire.Open{ContainerID: t.id("container"), Hostname: t.run.host()})
	p.begin(ctx)
	return p
}

// opener opens a stream to the hub.
type opener = func(ctx context.Context) (net.Conn, error)

// dial returns a connection on which nothing was said yet.
func (t *trial) dial(ctx context.Context, open opener) *peer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := open(ctx)
	t.check(err)
	t.trace.add("-- connection")
	return &peer{trial: t, net: c, in: make(chan amqpwire.Frame, 1<<12)}
}

// start opens the connection. A goroutine reads until the trial ends.
func (p *peer) start(ctx context.Context, o *amqpwire.Open) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.read()
	}()
	p.trial.closers = append(p.trial.closers, func() {
		_ = p.net.Close() // it may be closed already
		<-done
	})
	p.write(amqpwire.HeaderAMQP[:])
	p.say(o)
	p.open, _ = must[*amqpwire.Open](ctx, p, "open")
}

// read takes over what the hub says. It ends with the connection.
func (p *peer) read() {
	defer close(p.in)
	r := bufio.NewReader(p.net)
	var header amqpwire.ProtocolHeader
	if _, err := io.ReadFull(r, header[:]); err != nil || header != amqpwire.HeaderAMQP {
		p.trial.trace.add("<- protocol header %q", header[:])
		return
	}
	for {
		f, err := amqpwire.ReadFrame(r, 1<<20)
		if err != nil {
			p.trial.trace.add("<- end of the connection")
			return
		}
		p.trial.trace.frame("<-", f)
		p.in <- f
	}
}

func (p *peer) write(b []byte) {
	_, _ = p.net.Write(b) // the end of the connection shows where something is awaited
}

// say sends a frame, on the channel of the one session that most experiments need.
func (p *peer) say(body amqpwire.Performative, payload ...byte) { p.sayOn(0, body, payload...) }

func (p *peer) sayOn(channel uint16, body amqpwire.Performative, payload ...byte) {
	f := amqpwire.Frame{Channel: channel, Body: body, Payload: payload}
	b, err := amqpwire.AppendFrame(nil, f)
	if err != nil {
		p.trial.untried("encode %T: %v", body, err)
	}
	p.trial.trace.frame("->", f)
	p.write(b)
	if _, ok := body.(*amqpwire.Transfer); ok {
		p.nextOutgoing++
	}
}

// windows are more transfers than any experiment sees.
const windows = 1 << 20

// begin begins the one session.
func (p *peer) begin(ctx context.Context) {
	p.nextOutgoing, p.cbsOut, p.cbsIn = 0, nil, nil
	p.say(&amqpwire.Begin{IncomingWindow: windows, OutgoingWindow: windows})
	reply, _ := must[*amqpwire.Begin](ctx, p, "begin")
	p.nextIncoming = reply.NextOutgoingID
}

// await returns the first frame that fits, with its payload, if it comes in time.
// What does not fit is kept for others to ask for.
func await[T amqpwire.Performative](ctx context.Context, p *peer, within time.Duration, fits func(T) bool) (body T, payload []byte, ok bool) {
	take := func(f amqpwire.Frame) bool {
		b, is := f.Body.(T)
		if ok = is && (fits == nil || fits(b)); ok {
			body, payload = b, f.Payload
		}
		return ok
	}
	for i, f := range p.kept {
		if take(f) {
			p.kept = append(p.kept[:i:i], p.kept[i+1:]...)
			return body, payload, true
		}
	}
	over := time.NewTimer(within)
	defer over.Stop()
	for {
		select {
		case f, more := <-p.in:
			if _, ok := f.Body.(*amqpwire.Transfer); ok {
				p.nextIncoming++
			}
			if p.over = !more; p.over || take(f) {
				return body, payload, ok
			}
			if f.Body != nil {
				p.kept = append(p.kept, f)
			}
		case <-over.C:
			return body, nil, false
		case <-ctx.Done():
			p.trial.check(ctx.Err())
		}
	}
}

// noteFront notes what tells the generation of the hub's front end. The newer one
// leaves next-incoming-id out (go-amqp issue 326).
func (r *run) noteFront(o *amqpwire.Open, f *amqpwire.Flow) {
	count := "with"
	if f.NextIncomingID == nil {
		count = "without"
	}
	var frame uint32
	if o.MaxFrameSize != nil {
		frame = *o.MaxFrameSize
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.front = fmt.Sprintf("max-frame-size %d, flows %s next-incoming-id", frame, count)
}

// must returns the first frame of a kind, without which the trial ends. If nothing comes
// at all, that says more about the network than about the hub.
func must[T amqpwire.Performative](ctx context.Context, p *peer, what string) (T, []byte) {
	body, payload, ok := await[T](ctx, p, patience, nil)
	how := p.end()
	switch {
	case ok:
	case how == nothing:
		p.trial.untried("no %s came within %s", what, patience)
	default:
		p.trial.stop("no %s: %s", what, how)
	}
	return body, payload
}

// end says how the connection, or the session, has ended, if it has.
func (p *peer) end() string {
	for _, f := range p.kept {
		switch body := f.Body.(type) {
		case *amqpwire.Close:
			return "the connection was closed: " + errorText(body.Error)
		case *amqpwire.End:
			return "the session was ended: " + errorText(body.Error)
		case *amqpwire.Detach:
			return "the link was detached: " + errorText(body.Error)
		}
	}
	if p.over {
		return "the hub has hung up"
	}
	return nothing
}

// nothing is what is seen where nothing happens.
const nothing = "nothing came"
