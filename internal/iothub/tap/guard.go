package tap

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// guard keeps from go-amqp what it cannot take.
//
// go-amqp decodes what the hub sends in goroutines of its own. A map with a key
// that Go cannot hash makes it panic, which ends the program. Over a type that it
// does not know it gives up the link or the connection, and meets the same message
// on the next one: for ever, if nobody settles it. So every frame is looked at
// before go-amqp gets it. Of a message that go-amqp could not take, it gets one in
// its place that says so (see [Original]); of other frames, what it needs and can
// take (see trim).
//
// go-amqp counts the transfer frames of a session and the deliveries of a link.
// So none is left out or held back: of a message in several frames, all but the
// last are passed on empty as they come, and the last has all of it.
//
// It belongs to the reading goroutine.
type guard struct {
	partial map[linkID]*partial
	held    int    // bytes in partial
	spare   []byte // of a message that is done with, for the next
}

// linkID is a link, by the numbers that the hub has for it.
type linkID struct {
	channel uint16
	handle  uint32
}

// partial is a message of which the last frame has not come.
type partial struct {
	payload []byte
	size    int // of all that has come; payload has less if that is too much
}

const (
	// maxMessageSize bounds a message, in bytes. IoT Hub's have 64 KB, or 256 KB from
	// a device to the cloud. What the hub announces as max-message-size has no part in
	// it: with the hub's own stamps, a message may be larger than that.
	maxMessageSize = 1 << 20
	// endless is the size of a message that will have no end.
	endless = 16 * maxMessageSize
	// maxHeld bounds the messages that have begun, on all links, in bytes.
	maxHeld = 16 * maxMessageSize
	// kept is how much is kept of a message that is too large, to tell which it was.
	kept = 64 << 10
	// partialCost is what a message that has begun costs besides its bytes.
	partialCost = 256
)

func newGuard() guard { return guard{partial: make(map[linkID]*partial)} }

// pass returns what to give go-amqp for a frame that is more than a header. It is
// the frame itself if nothing has to be changed.
func (g *guard) pass(frame []byte) ([]byte, error) {
	t, ok := readTransfer(frame)
	if !ok && !usual(frame) {
		var err error
		if frame, err = trim(frame); err != nil {
			return nil, err
		}
		t, ok = readTransfer(frame)
	}
	switch {
	case ok:
		return g.transfer(frame, t)
	case performativeOf(frame) == codeTransfer:
		return nil, fmt.Errorf("%w: a transfer", errMalformed)
	}
	g.forget(frame)
	return frame, nil
}

// transfer returns what to give go-amqp for a transfer frame.
func (g *guard) transfer(frame []byte, t transfer) ([]byte, error) {
	switch {
	case t.aborted:
		g.drop(t.link)
		return frame, nil
	case !t.more && g.partial[t.link] == nil:
		if plain(t.payload) {
			return frame, nil
		}
		return t.with(withOriginal(t.payload)), nil
	}
	p, err := g.add(t)
	switch {
	case err != nil:
		return nil, err
	case t.more:
		return t.with(nil), nil
	}
	instead := t.with(p.whole())
	g.drop(t.link)
	return instead, nil
}

// add adds what a frame has to the message that is coming on its link.
func (g *guard) add(t transfer) (*partial, error) {
	p := g.partial[t.link]
	if p == nil {
		p = &partial{payload: g.spare}
		g.partial[t.link], g.spare = p, nil
		g.held += partialCost
	}
	g.held -= len(p.payload)
	p.add(t.payload)
	g.held += len(p.payload)
	switch {
	case p.size > endless:
		return nil, fmt.Errorf("the hub sends a message that does not end: it has more than %d bytes", endless)
	case g.held > maxHeld:
		return nil, fmt.Errorf("the hub begins too many messages at once: they have more than %d bytes", maxHeld)
	}
	return p, nil
}

func (p *partial) add(b []byte) {
	p.size += len(b)
	switch {
	case p.size <= maxMessageSize:
		p.payload = append(p.payload, b...)
	case len(p.payload) > kept:
		p.payload = slices.Clone(p.payload[:kept])
	}
}

// whole returns the payload to give go-amqp for a message that has come.
func (p *partial) whole() []byte {
	switch {
	case p.size > maxMessageSize:
		return appendOriginal(nil, p.payload, fmt.Sprintf("it has %d bytes, and may have %d", p.size, maxMessageSize))
	case plain(p.payload):
		return p.payload
	}
	return withOriginal(p.payload)
}

func (g *guard) drop(link linkID) {
	if p := g.partial[link]; p != nil {
		g.held -= partialCost + len(p.payload)
		g.spare = p.payload[:0]
		delete(g.partial, link)
	}
}

// forget drops the messages of a link that is detached, or of a session that ends:
// they will not be completed.
func (g *guard) forget(frame []byte) {
	switch channel := channelOf(frame); performativeOf(frame) {
	case codeDetach:
		if handle, ok := firstUint(compoundOf(frame[frameStart:], lists).elements); ok {
			g.drop(linkID{channel, handle})
		}
	case codeEnd:
		for link := range g.partial {
			if link.channel == channel {
				g.drop(link)
			}
		}
	}
}

// transfer is a transfer frame, as far as it matters here.
type transfer struct {
	link          linkID
	more, aborted bool
	head          []byte // the frame without the payload
	payload       []byte
}

// transferFields are the fields of a transfer (part 2 §2.7.5). The state is not
// among what is usual.
var transferFields = []kinds{
	uints, null | uints, null | binaries, null | uints, null | boolean, null | boolean,
	null | ubyte, null, null | boolean, null | boolean, null | boolean,
}

// readTransfer reads a transfer frame in its usual form.
func readTransfer(frame []byte) (t transfer, ok bool) {
	const more, aborted = 5, 9 // places among the fields
	if frame[4] != 2 || frame[5] != 0 || performativeOf(frame) != codeTransfer {
		return t, false
	}
	var at [11]int
	fields := compoundOf(frame[frameStart:], lists)
	if fields.count == 0 || !fields.isFieldsOf(transferFields, at[:]) {
		return t, false
	}
	handle, _ := firstUint(fields.elements)
	head := frameStart + fields.size
	return transfer{
		link:    linkID{channelOf(frame), handle},
		more:    fields.count > more && isTrue(fields.elements[at[more]:]),
		aborted: fields.count > aborted && isTrue(fields.elements[at[aborted]:]),
		head:    frame[:head],
		payload: frame[head:],
	}, true
}

// with returns the frame with another payload. It may be larger than the hub's
// frames: go-amqp takes one of any size.
func (t transfer) with(payload []byte) []byte {
	frame := slices.Concat(t.head, payload)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)))
	return frame
}
