package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

// told returns what a subscriber has heard since it was last asked: the names of
// events, and what they are about.
func told(t *testing.T, s *Subscription) (list []string) {
	t.Helper()
	synctest.Wait()
	notices, missed := s.take()
	if missed > 0 {
		t.Errorf("%d events are missing", missed)
	}
	for _, n := range notices {
		line := n.Name()
		for _, part := range []string{n.Device, n.MessageID, n.detail(), n.Over.Client} {
			if part != "" {
				line += " " + part
			}
		}
		list = append(list, line)
	}
	return list
}

func wantTold(t *testing.T, s *Subscription, want ...string) {
	t.Helper()
	if got := told(t, s); !slices.Equal(got, want) {
		t.Errorf("told %q\nwant %q", got, want)
	}
}

// TestLifeOfAMessage checks what a subscriber hears of messages that end in every
// way, and of the feedback on them.
func TestLifeOfAMessage(t *testing.T) {
	settle := func(how Settlement) func(hub) {
		return func(h hub) { h.settle(how) }
	}
	for _, test := range []struct {
		name string
		end  func(h hub)
		want []string
	}{
		{"completed", settle(Complete), []string{"delivered dev1 m", "completed dev1 m Success", "feedbackSent dev1 m Success"}},
		{"rejected", settle(Reject), []string{"delivered dev1 m", "rejected dev1 m Rejected", "feedbackSent dev1 m Rejected"}},
		{"abandoned too often", func(h hub) { h.settle(Abandon); h.settle(Abandon) }, []string{
			"delivered dev1 m", "abandoned dev1 m", "delivered dev1 m",
			"deadLettered dev1 m DeliveryCountExceeded", "feedbackSent dev1 m DeliveryCountExceeded",
		}},
		{"given back", func(h hub) { h.settle(Release) }, []string{"delivered dev1 m", "released dev1 m"}},
		{"lost", func(h hub) { h.dev1().Take(); time.Sleep(time.Minute) }, []string{"delivered dev1 m", "lockLost dev1 m"}},
		{"too late", func(h hub) { time.Sleep(time.Hour) }, []string{"expired dev1 m Expired", "feedbackSent dev1 m Expired"}},
		{"purged", func(h hub) { _, _ = h.Purge(ID{Device: "dev1"}) }, []string{"purged dev1 m Purged", "feedbackSent dev1 m Purged"}},
		{"lost and taken at once", func(h hub) {
			h.dev1().Take()
			h.dev1().mu.Lock() // the clock comes too late
			h.dev1().stopTimer()
			h.dev1().mu.Unlock()
			time.Sleep(time.Minute)
			h.dev1().Take()
		}, []string{"delivered dev1 m", "lockLost dev1 m", "delivered dev1 m"}},
	} {
		for _, journal := range []Journal{nil, newMemory()} {
			t.Run(fmt.Sprintf("%s, kept: %v", test.name, journal != nil), func(t *testing.T) {
				inHub(t, Options{MaxDeliveryCount: 2, Journal: journal}, func(t *testing.T, h hub) {
					s := h.Subscribe()
					defer s.Close()
					h.send("m")
					test.end(h)
					wantTold(t, s, append([]string{"enqueued dev1 m"}, test.want...)...)
				})
			})
		}
	}
}

// TestLifeOfFeedback checks what a subscriber hears of a feedback message of two
// records.
func TestLifeOfFeedback(t *testing.T) {
	inHub(t, Options{}, func(t *testing.T, h hub) {
		h.send("a")
		h.send("b")
		h.settle(Complete)
		h.settle(Reject)
		s := h.Subscribe()
		defer s.Close()
		d, _ := h.Feedback().Take()
		h.Feedback().Release([]LockToken{d.Token})
		h.wantBatch("a Success", "b Rejected")
		wantTold(t, s, "feedbackTaken 2", "feedbackReturned released", "feedbackTaken 2", "feedbackFinished Success")
	})
}

// TestConnectionsAreTold checks that a connection comes and goes once, however many
// links it has.
func TestConnectionsAreTold(t *testing.T) {
	inHub(t, Options{}, func(t *testing.T, h hub) {
		s := h.Subscribe()
		defer s.Close()
		box := h.dev1()
		enter := func(client string) *Presence {
			return box.Enter(Connection{"AMQP", "amqps", client}, func(*Refusal) {})
		}
		first, second, other := enter("A"), enter("A"), enter("B")
		first.Leave()
		first.Leave()
		wantTold(t, s, "connected dev1 A", "connected dev1 B")
		second.Leave()
		other.Leave()
		wantTold(t, s, "disconnected dev1 A", "disconnected dev1 B")
		enter("C")
		h.Expel(ID{Device: "dev1"}, Refuse(Unauthorized, "Why."))
		wantTold(t, s, "connected dev1 C", "disconnected dev1 Why. C")
	})
}

// TestSlowSubscriberMissesSome checks that what waits is bounded, and that what is
// missed is counted.
func TestSlowSubscriberMissesSome(t *testing.T) {
	b, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s := b.Subscribe()
	for i := range 3*maxNotices + 7 {
		b.Tell(Event{Sequence: uint64(i)})
	}
	if n := cap(s.waiting); n > 2*maxNotices {
		t.Errorf("there is room for %d events, want %d or so", n, maxNotices)
	}
	list, missed, ok := s.Next(t.Context())
	if len(list) != maxNotices || missed != 2*maxNotices+7 || !ok {
		t.Fatalf("got %d events, %d missed, %v", len(list), missed, ok)
	}
	for i, n := range list {
		if n.Sequence != uint64(i) {
			t.Fatalf("event %d is %d", i, n.Sequence)
		}
	}
	b.Tell(Event{Sequence: 1})
	if list, missed, _ = s.Next(t.Context()); len(list) != 1 || missed != 0 {
		t.Errorf("then %d events, %d missed, want one and none", len(list), missed)
	}
}

func TestSubscriptionEnds(t *testing.T) {
	inHub(t, Options{}, func(t *testing.T, h hub) {
		s, other := h.Subscribe(), h.Subscribe()
		ctx, cancel := context.WithCancel(t.Context())
		var ended sync.WaitGroup
		ended.Go(func() {
			if _, _, ok := s.Next(ctx); ok {
				t.Error("an event after the context has ended")
			}
		})
		cancel()
		ended.Wait()
		h.Tell(Event{Kind: EventFault})
		s.Close()
		s.Close()
		h.Tell(Event{Kind: EventFault})
		if list, _, ok := s.Next(t.Context()); len(list) != 1 || !ok {
			t.Errorf("%d events from before the end, want 1", len(list))
		}
		if _, _, ok := s.Next(t.Context()); ok {
			t.Error("an event after the end")
		}
		if list, _, _ := other.Next(t.Context()); len(list) != 2 {
			t.Errorf("the other has heard of %d events, want 2", len(list))
		}
		if other.Close(); h.watched() {
			t.Error("nobody is left, but the hub tells of events")
		}
	})
}

// TestEventsOfAMessageAreInOrder has four receivers at one queue, and checks that
// each message is told to be where it can be.
func TestEventsOfAMessageAreInOrder(t *testing.T) {
	h := start(t, Options{MaxQueue: 1000, MaxDeliveryCount: 3})
	defer h.Close()
	s := h.Subscribe()
	where, gaps := make(map[uint64]string), false
	allowed := map[string][]string{
		"":          {"enqueued"},
		"enqueued":  {"delivered", "purged"},
		"delivered": {"completed", "abandoned", "released", "deadLettered", "purged"},
		"abandoned": {"delivered", "purged"},
		"released":  {"delivered", "purged"},
	}
	var reader, workers sync.WaitGroup
	reader.Go(func() {
		for {
			list, missed, ok := s.Next(t.Context())
			if !ok {
				return
			}
			for _, n := range list {
				if !gaps && !slices.Contains(allowed[where[n.Sequence]], n.Name()) {
					t.Errorf("message %d is %s after it was %q", n.Sequence, n.Name(), where[n.Sequence])
				}
				where[n.Sequence] = n.Name()
			}
			gaps = gaps || missed > 0
		}
	})
	for worker := range 4 {
		workers.Go(func() {
			for i := range 300 {
				_ = h.dev1().Put(&Message{})
				if d, ok := h.dev1().Take(); ok {
					_ = h.dev1().Settle(d.Token, []Settlement{Complete, Abandon, Release}[(worker+i)%3])
				}
				if worker == 0 && i%100 == 99 {
					_, _ = h.dev1().Purge()
				}
			}
		})
	}
	workers.Wait()
	s.Close()
	reader.Wait()
}

// TestEventsAreBrief checks that no client can make the hub keep long texts for
// subscribers, nor show a secret that stands where an id should.
func TestEventsAreBrief(t *testing.T) {
	b, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s := b.Subscribe()
	long := strings.Repeat("é", 30_000)
	for _, e := range []Event{
		{Kind: EventToken, Device: long, Detail: "401"},
		{Kind: EventAttached, Detail: "amqps://" + long + "/messages/devicebound"},
		{Kind: EventRefused, Device: long, MessageID: long, Detail: long},
		{Kind: EventToken, Device: "HostName=h;SharedAccessKeyName=n;SharedAccessKey=c2VjcmV0"},
		{Kind: EventRefused, Device: "d", MessageID: "SharedAccessSignature sr=h&SIG=c2VjcmV0\n&se=1"},
	} {
		b.Tell(e)
	}
	list, _, _ := s.Next(t.Context())
	for _, n := range list {
		if len(n.Device)+len(n.MessageID)+len(n.Detail) > 1000 || !utf8.ValidString(n.Device+n.MessageID+n.Detail) {
			t.Errorf("%s: %d, %d and %d bytes of text", n.Kind, len(n.Device), len(n.MessageID), len(n.Detail))
		}
		if strings.Contains(n.Device+n.MessageID, "c2VjcmV0") {
			t.Errorf("a secret is told: %+v", n.Event)
		}
	}
	if got, want := list[3].Device, "HostName=h;SharedAccessKeyName=n;SharedAccessKey=REDACTED"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNoticeAsJSON(t *testing.T) {
	at := time.Date(2026, 11, 26, 10, 20, 30, 123_456_789, time.UTC)
	for _, test := range []struct {
		event Event
		want  string
	}{
		{Event{Kind: EventEnqueued, Device: "dev1/mod", MessageID: "m", Sequence: 7}, `"enqueued","at":"2026-11-26T10:20:30.123Z","deviceId":"dev1","moduleId":"mod","messageId":"m","sequenceNumber":7}`},
		{Event{Kind: EventReturned, Device: "dev1", Detail: whyLockLost}, `"lockLost","at":"2026-11-26T10:20:30.123Z","deviceId":"dev1"}`},
		{Event{Kind: EventFinished, Detail: "DeliveryCountExceeded"}, `"deadLettered","at":"2026-11-26T10:20:30.123Z","detail":"DeliveryCountExceeded"}`},
		{Event{Kind: EventConnected, Device: "dev1", Over: Connection{"MQTT", "mqtt-ws", "127.0.0.1:9"}}, `"connected","at":"2026-11-26T10:20:30.123Z","deviceId":"dev1","protocol":"MQTT","transport":"mqtt-ws","client":"127.0.0.1:9"}`},
		{Event{Kind: EventToken, Detail: "401"}, `"token","at":"2026-11-26T10:20:30.123Z","detail":"401"}`},
	} {
		got, err := json.Marshal(Notice{at, test.event})
		if want := `{"event":` + test.want; err != nil || string(got) != want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
	}
}
