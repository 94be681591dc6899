package localhub_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
)

// ledger counts what became of messages: in the hub's own words, and in those of
// whoever received them.
type ledger struct {
	mu        sync.Mutex
	ended     *sync.Cond     // one more message has
	delivered map[string]int // by id
	returned  map[string]int
	finished  map[string][]string // statuses
	completed map[string][]string // by whom, according to the receivers
	acked     map[string]bool     // by a client that is not told whether it was in time
}

func newLedger() *ledger {
	l := &ledger{
		delivered: make(map[string]int), returned: make(map[string]int),
		finished: make(map[string][]string), completed: make(map[string][]string),
		acked: make(map[string]bool),
	}
	l.ended = sync.NewCond(&l.mu)
	return l
}

func (l *ledger) observe(e localhub.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Kind {
	case broker.EventDelivered:
		l.delivered[e.MessageID]++
	case broker.EventReturned:
		l.returned[e.MessageID]++
	case broker.EventFinished:
		l.finished[e.MessageID] = append(l.finished[e.MessageID], e.Detail)
		l.ended.Broadcast()
	}
}

func (l *ledger) complete(id, who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.completed[id] = append(l.completed[id], who)
}

func (l *ledger) acknowledge(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[id] = true
}

// wait waits until so many messages have ended.
func (l *ledger) wait(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.finished) < n {
		l.ended.Wait()
	}
}

// TestLedgerOfTwoDoors has a device receive over AMQP and over HTTP at once, from
// several connections. Every message is completed once, by one of them, and none is
// lost, invented or completed twice, although each door gives some back.
func TestLedgerOfTwoDoors(t *testing.T) {
	t.Parallel()
	const messages, pollers = 400, 3
	book := newLedger()
	_, l := newRest(t, localhub.Options{Observer: book.observe, MaxDeliveryCount: 1000})
	service := backEnd(t, l)
	var receivers sync.WaitGroup
	polling, stopPolling := context.WithCancel(t.Context())
	for n := range pollers {
		client := restOf(t, l, route{}).asDevice("dev1", defaults.Key())
		receivers.Go(func() { receiveByHTTP(polling, t, client, fmt.Sprint("http", n), book, func() {}) })
	}
	sendWhenThereIsRoom(t, service, "first") // for HTTP
	book.wait(1)
	device, err := amqpDevice(t, l, defaults.Key())
	check(t, err)
	receiving, stopReceiving := context.WithCancel(t.Context())
	receivers.Go(func() { receiveByAMQP(receiving, t, device, book) })
	for i := range messages {
		sendWhenThereIsRoom(t, service, fmt.Sprint("m", i))
	}
	book.wait(messages + 1)
	stopPolling()
	sendWhenThereIsRoom(t, service, "last") // for AMQP, or for a poll that is under way
	book.wait(messages + 2)
	stopReceiving()
	receivers.Wait()
	book.check(t, messages+2)
}

// sendWhenThereIsRoom sends a message, again and again as long as the queue is full.
func sendWhenThereIsRoom(t *testing.T, service *iothub.Service, id string) {
	t.Helper()
	for {
		err := service.Send(t.Context(), "dev1", &iothub.Message{ID: id, Body: []byte(id)})
		var refused *iothub.HubError
		if errors.As(err, &refused) && strings.Contains(refused.Error(), "queue limit") {
			continue
		}
		check(t, err)
		return
	}
}

// receiveByAMQP abandons every fifth message, and completes the others.
func receiveByAMQP(ctx context.Context, t *testing.T, device *iothub.Device, book *ledger) {
	for n := 0; ; n++ {
		d, err := device.Receive(ctx)
		if err != nil {
			return
		}
		if n%5 == 4 {
			err = d.Abandon(t.Context())
		} else if err = d.Complete(t.Context()); err == nil {
			book.complete(d.ID, "amqp")
		}
		if err != nil {
			t.Errorf("settle over AMQP: %v", err)
		}
	}
}

// receiveByHTTP abandons every seventh message, and completes the others. It pauses
// when there is none.
func receiveByHTTP(ctx context.Context, t *testing.T, client rest, who string, book *ledger, pause func()) {
	for n := 0; ctx.Err() == nil; {
		a, err := client.try("GET", inbox, "")
		if err == nil && a.status == 204 {
			pause()
			continue
		}
		lock, id := strings.Trim(a.header.Get("ETag"), `"`), a.header.Get("iothub-messageid")
		if err != nil || a.status != 200 || a.body != id {
			t.Errorf("message %s: %d %q, %v", id, a.status, a.body, err)
			return
		}
		method, path := "DELETE", inbox+"/"+lock
		if n++; n%7 == 0 {
			method, path = "POST", path+"/abandon"
		}
		if a, err = client.try(method, path, "", "If-Match", lock); err != nil || a.status != 204 {
			t.Errorf("%s %s: %d %s, %v", method, path, a.status, a.body, err)
		} else if method == "DELETE" {
			book.complete(id, who)
		}
	}
}

// check balances the books.
func (l *ledger) check(t *testing.T, messages int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.finished) != messages {
		t.Errorf("%d messages ended, want %d", len(l.finished), messages)
	}
	doors := make(map[string]int)
	for id, statuses := range l.finished {
		by := l.completed[id]
		if len(by) == 0 && l.acked[id] {
			by = []string{"mqtt"}
		}
		if !slices.Equal(statuses, []string{"Success"}) || len(by) != 1 {
			t.Errorf("%s ended with %q, completed by %q", id, statuses, by)
			continue
		}
		if l.delivered[id] != l.returned[id]+1 {
			t.Errorf("%s was delivered %d times and came back %d times", id, l.delivered[id], l.returned[id])
		}
		doors[by[0]]++
	}
	t.Logf("completed by %v", doors)
}
