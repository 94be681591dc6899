package conformance_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/mqttwire"
)

// bend makes a hub wrong: what it says, or hears, is changed on the way. Each field
// may be nil.
type bend struct {
	// frame changes a frame of AMQP, and reports whether it did. There is one for each
	// connection; the two directions take turns.
	frame func() func(fromHub bool, f *amqpwire.Frame) bool
	// packet is that of MQTT, for what the hub says.
	packet func(p mqttwire.Packet)
	// text changes what the hub says over HTTP.
	text func(b []byte) []byte
}

// proxy stands between the clients and a hub without TLS.
type proxy struct {
	bend
	dial    func(ctx context.Context, network, address string) (net.Conn, error) // to the hub
	running *sync.WaitGroup
}

// Dial connects a client to the hub, by way of the proxy.
func (p *proxy) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	hub, err := p.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	near, client := faultnet.Pipe(1 << 16)
	p.running.Go(func() { p.pass(client, hub) })
	return near, nil
}

// pass looks at how the client begins, and passes on what both say until one hangs up.
func (p *proxy) pass(client, hub net.Conn) {
	defer client.Close()
	defer hub.Close()
	in := bufio.NewReader(client)
	start, err := in.Peek(1)
	if err != nil {
		return
	}
	both := sync.WaitGroup{}
	defer both.Wait()
	switch {
	case start[0] == 'A' && p.frame != nil:
		var mu sync.Mutex
		change := p.frame()
		both.Go(func() { passFrames(in, hub, false, &mu, change) })
		both.Go(func() { passFrames(bufio.NewReader(hub), client, true, &mu, change) })
	case start[0] == 0x10 && p.packet != nil:
		both.Go(func() { passBytes(in, hub, nil) })
		both.Go(func() { passPackets(bufio.NewReader(hub), client, p.packet) })
	default:
		both.Go(func() { passBytes(in, hub, nil) })
		both.Go(func() { passBytes(hub, client, p.text) })
	}
}

func passBytes(from io.Reader, to net.Conn, change func([]byte) []byte) {
	defer to.Close()
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		out := b[:n]
		if change != nil {
			out = change(out)
		}
		if _, writeErr := to.Write(out); err != nil || writeErr != nil {
			return
		}
	}
}

func passPackets(from *bufio.Reader, to net.Conn, change func(mqttwire.Packet)) {
	defer to.Close()
	for {
		packet, err := mqttwire.Read(from, 1<<20)
		if err != nil {
			return
		}
		change(packet)
		b, err := mqttwire.Append(nil, packet)
		if err != nil {
			return
		}
		if _, err := to.Write(b); err != nil {
			return
		}
	}
}

func passFrames(from *bufio.Reader, to net.Conn, fromHub bool, mu *sync.Mutex, change func(bool, *amqpwire.Frame) bool) {
	defer to.Close()
	for {
		b, err := readFrame(from)
		if err != nil {
			return
		}
		if f, err := amqpwire.DecodeFrame(b); err == nil && f.Body != nil {
			mu.Lock()
			changed := change(fromHub, &f)
			mu.Unlock()
			if changed {
				if b, err = amqpwire.AppendFrame(nil, f); err != nil {
					return
				}
			}
		}
		if _, err := to.Write(b); err != nil {
			return
		}
	}
}

// readFrame returns a frame, or a protocol header, as it is.
func readFrame(r *bufio.Reader) ([]byte, error) {
	if start, err := r.Peek(4); err == nil && string(start) == "AMQP" {
		header := make([]byte, 8)
		_, err := io.ReadFull(r, header)
		return header, err
	}
	return amqpwire.ReadFrameBytes(r, 1<<20)
}
