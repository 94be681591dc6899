package broker

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
)

// hub is a broker in a test.
type hub struct {
	*Broker
	t *testing.T
}

// inHub runs a test on a broker in fake time, with the device dev1.
func inHub(t *testing.T, o Options, f func(t *testing.T, h hub)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := start(t, o)
		defer h.Close()
		f(t, h)
	})
}

// start returns a broker on which the devices are registered, dev1 if none is given.
func start(t *testing.T, o Options, devices ...string) hub {
	t.Helper()
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if devices == nil {
		devices = []string{"dev1"}
	}
	var list []PutIdentity
	for _, d := range devices {
		if id := (ID{Device: d}); b.find(id) == nil {
			list = append(list, PutIdentity{ID: id})
		}
	}
	if err := b.Register(list...); err != nil {
		t.Fatal(err)
	}
	return hub{b, t}
}

func (h hub) box(id ID) *Mailbox {
	h.t.Helper()
	m, refused := h.Mailbox(id)
	if refused != nil {
		h.t.Fatal(refused)
	}
	return m
}

func (h hub) dev1() *Mailbox { h.t.Helper(); return h.box(ID{Device: "dev1"}) }

// send sends dev1 a message that wants all feedback.
func (h hub) send(id string) {
	h.t.Helper()
	if refused := h.Send(ID{Device: "dev1"}, &Message{ID: id, Ack: AckFull}); refused != nil {
		h.t.Fatal(refused)
	}
}

// settle settles the next message of dev1, and returns its id.
func (h hub) settle(how Settlement) string {
	h.t.Helper()
	d, ok := h.dev1().Take()
	if !ok {
		h.t.Fatal("no message is ready")
	}
	if err := h.dev1().Settle(d.Token, how); err != nil {
		h.t.Fatal(err)
	}
	return d.Message.ID
}

// readBatch takes a feedback message, and returns "id status" of its records; nil
// if there is none.
func (h hub) readBatch() (lines []string) {
	h.t.Helper()
	d, ok := h.Feedback().Take()
	if !ok {
		return nil
	}
	if err := h.Feedback().Settle(d.Token, Complete); err != nil {
		h.t.Fatal(err)
	}
	return recordsIn(h.t, d.Message)
}

func recordsIn(t *testing.T, m *Message) (lines []string) {
	t.Helper()
	var records []Record
	if err := json.Unmarshal(m.Body, &records); err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		lines = append(lines, r.OriginalMessageID+" "+string(r.StatusCode))
	}
	return lines
}

func (h hub) wantBatch(want ...string) {
	h.t.Helper()
	synctest.Wait()
	if got := h.readBatch(); !slices.Equal(got, want) {
		h.t.Fatalf("feedback %q, want %q", got, want)
	}
}
