package localhub_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
)

// mqttCut is where the first connection of a device over MQTT breaks.
type mqttCut struct {
	direction faultnet.Direction
	after     int64 // bytes; 0: nowhere
	how       faultnet.Ending
}

// audit is what a device has got, while its connections break.
type audit struct {
	t        *testing.T
	book     *ledger
	seen     map[string]*mqttwire.Publish
	repeated int // messages that came again
}

// receive notes a message. One that comes again must be marked, and have its old id.
func (a *audit) receive(p *mqttwire.Publish) {
	id := rawclient.MessageID(p)
	if first := a.seen[id]; first != nil {
		a.repeated++
		if !p.Dup || p.ID != first.ID {
			a.t.Errorf("%s came as packet %d, and again as %d, duplicate: %v", id, first.ID, p.ID, p.Dup)
		}
	}
	if string(p.Payload) != "body of "+id {
		a.t.Errorf("%s has body %q", id, p.Payload)
	}
	a.seen[id] = p
	a.book.acknowledge(id)
}

// on returns the line with the first connection cut.
func (c mqttCut) on(l line, first **faultnet.Conn) line {
	return line{l.hub, func(ctx context.Context) (net.Conn, error) {
		conn, err := l.connect(ctx)
		if *first != nil || err != nil {
			return conn, err
		}
		*first = faultnet.NewConn(conn, 0)
		if c.after > 0 {
			(*first).CutAfter(c.direction, c.after, c.how)
		}
		return *first, nil
	}}
}

// run sends three messages to a device, the first before it comes. It returns how
// many bytes have passed in the first connection, in each direction, and how often a
// message came again.
func (c mqttCut) run(t *testing.T) (passed [2]int64, repeated int) {
	const messages = 3
	ctx, cancel := context.WithCancel(t.Context())
	book := newLedger()
	l := overPipes(t, localhub.Options{Observer: book.observe})
	service := dialService(ctx, t, l)
	feedback, err := service.ReceiveFeedback(ctx)
	check(t, err)
	var first *faultnet.Conn
	cut := c.on(l, &first)
	audit := &audit{t: t, book: book, seen: make(map[string]*mqttwire.Publish)}
	device := &rawclient.Device{T: t, Hello: mqttHello, Filter: mqttMessages, Receive: audit.receive}
	gone := make(chan struct{})
	live := func() {
		defer close(gone)
		for ctx.Err() == nil {
			_ = serveMQTT(ctx, cut, device) // it ends with the connection
		}
	}
	for n := range messages {
		id := fmt.Sprint("m", n)
		check(t, service.Send(ctx, "dev1", &iothub.Message{ID: id, Body: []byte("body of " + id), Ack: iothub.AckFull}))
		if n == 0 {
			go live()
		}
		synctest.Wait()
	}
	for id, statuses := range reported(ctx, t, feedback, messages) {
		if statuses != string(iothub.Success) || audit.seen[id] == nil {
			t.Errorf("feedback on %s is %s; it arrived as %+v", id, statuses, audit.seen[id])
		}
	}
	synctest.Wait()
	passed = [2]int64{first.Passed(faultnet.Reading), first.Passed(faultnet.Writing)}
	cancel()
	<-gone
	book.check(t, messages)
	return passed, audit.repeated
}

// TestCutMQTTEverywhere breaks the connection of a device over MQTT after every byte,
// in both directions. Its session survives: it has all messages, and the back end all
// feedback, each time.
func TestCutMQTTEverywhere(t *testing.T) {
	t.Parallel()
	var total [2]int64
	synctest.Test(t, func(t *testing.T) { total, _ = mqttCut{}.run(t) })
	for name, c := range map[string]mqttCut{
		"reads, reset":  {faultnet.Reading, 1, faultnet.Reset},
		"reads, end":    {faultnet.Reading, 1, faultnet.EOF},
		"writes, reset": {faultnet.Writing, 1, faultnet.Reset},
		"writes, end":   {faultnet.Writing, 1, faultnet.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			again := 0
			for ; c.after <= total[c.direction] && !t.Failed(); c.after++ {
				synctest.Test(t, func(t *testing.T) {
					_, n := c.run(t)
					again += n
				})
			}
			if t.Failed() {
				t.Logf("cut after byte %d of %d", c.after-1, total[c.direction])
			} else if again == 0 {
				t.Error("no message came again: nothing was tested")
			}
		})
	}
}
