package iothub_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"sync"
	"syscall"

	"iothub-c2d/internal/faultnet"
)

// phase is a step that a client takes on its connection.
type phase string

const (
	phaseDial     phase = "dial"
	phaseHeader   phase = "header"
	phaseOpen     phase = "open"
	phasePutToken phase = "put-token"
	phaseAttach   phase = "attach"
	phaseSend     phase = "send"
	phaseReceive  phase = "receive" // credit is granted
	phaseSettle   phase = "settle"
	noPhase       phase = ""
)

var phases = []phase{
	phaseDial, phaseHeader, phaseOpen, phasePutToken, phaseAttach, phaseSend, phaseReceive, phaseSettle,
}

// probe counts the steps of a client, and lets a fault happen at one of them.
type probe struct {
	dial func(ctx context.Context) (net.Conn, error)

	mu      sync.Mutex
	count   map[phase]int
	at      phase // of the planned fault, once; noPhase: nowhere
	planned clientFault
	refused bool // all dials are
	current *faultnet.Conn
}

// clientFault is what happens to the connection at a step: one of the three. A
// fault of a dial is in dial.
type clientFault struct {
	before func(*faultnet.Conn) // what the client says does not arrive
	after  func(*faultnet.Conn) // it does, but the answer does not
	dial   func(ctx context.Context) error
}

func newProbe(w *world) *probe {
	return &probe{dial: w.dial, count: make(map[phase]int)}
}

// arm has a fault happen at the next step of a phase, and counts from 0.
func (p *probe) arm(at phase, b clientFault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.planned, p.count = at, b, make(map[phase]int)
}

// refuse has dials refused from now on, or no longer.
func (p *probe) refuse(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = yes
}

// cut breaks the connection.
func (p *probe) cut() {
	p.mu.Lock()
	c := p.current
	p.mu.Unlock()
	c.Cut(faultnet.Reset)
}

func (p *probe) counted(at phase) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count[at]
}

// step counts a step and returns the fault that happens at it.
func (p *probe) step(at phase) (b clientFault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count[at]++
	if at != noPhase && at == p.at {
		p.at = noPhase
		return p.planned
	}
	return clientFault{}
}

func (p *probe) DialContext(ctx context.Context) (net.Conn, error) {
	if b := p.step(phaseDial); b.dial != nil {
		if err := b.dial(ctx); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	refused := p.refused
	p.mu.Unlock()
	if refused {
		return nil, refuseDial(ctx)
	}
	stream, err := p.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := faultnet.NewConn(stream, 1)
	p.mu.Lock()
	p.current = c
	p.mu.Unlock()
	return &probedConn{Conn: c, probe: p}, nil
}

// probedConn tells the probe of the steps in what is written, and writes frame by
// frame what the tap has joined.
type probedConn struct {
	*faultnet.Conn
	probe    *probe
	attached bool // a link other than those to $cbs
}

func (c *probedConn) Write(p []byte) (written int, err error) {
	for len(p) > 0 && err == nil {
		size := 8 // of a protocol header
		if !bytes.HasPrefix(p, []byte("AMQP")) {
			size = int(binary.BigEndian.Uint32(p))
		}
		var n int
		n, err = c.writeFrame(p[:size])
		written, p = written+n, p[size:]
	}
	return written, err
}

func (c *probedConn) writeFrame(frame []byte) (int, error) {
	at := c.phaseOf(frame)
	b := c.probe.step(at)
	if b.before != nil {
		b.before(c.Conn)
	}
	n, err := c.Conn.Write(frame)
	if b.after != nil {
		b.after(c.Conn)
	}
	return n, err
}

func (c *probedConn) phaseOf(frame []byte) phase {
	const performative = 10 // where its code is
	if bytes.HasPrefix(frame, []byte("AMQP")) {
		return phaseHeader
	}
	if len(frame) <= performative {
		return noPhase
	}
	switch frame[performative] {
	case 0x10:
		return phaseOpen
	case 0x12:
		if bytes.Contains(frame, []byte("$cbs")) {
			return noPhase
		}
		c.attached = true
		return phaseAttach
	case 0x13:
		if c.attached {
			return phaseReceive
		}
	case 0x14:
		if bytes.Contains(frame, []byte("put-token")) {
			return phasePutToken
		}
		return phaseSend
	case 0x15:
		if c.attached {
			return phaseSettle
		}
	}
	return noPhase
}

func refuseDial(context.Context) error { return syscall.ECONNREFUSED }

func hangDial(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
