package broker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
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

func start(t *testing.T, o Options) hub {
	t.Helper()
	if o.Devices == nil {
		o.Devices = []string{"dev1"}
	}
	b, err := New(o)
	if err != nil {
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

func TestMailboxes(t *testing.T) {
	inHub(t, Options{HostName: "myhub.azure-devices.net"}, func(t *testing.T, h hub) {
		if box := h.dev1(); box != h.dev1() || box == h.box(ID{"dev1", "mod"}) {
			t.Error("a mailbox is not the same one each time, or a module's is its device's")
		}
		for _, test := range []struct {
			id   ID
			want Refusal
		}{
			{ID{Device: "dev2"}, Refusal{DeviceNotFound, "Device dev2 at IotHub myhub.azure-devices.net not registered."}},
			{ID{}, Refusal{DeviceNotFound, "Device  at IotHub myhub.azure-devices.net not registered."}},
			{ID{"dev2", "mod"}, Refusal{DeviceNotFound, "Device dev2 at IotHub myhub.azure-devices.net not registered."}},
			{ID{"dev1", "a/b"}, Refusal{BadArgument, "The module id 'a/b' is longer than 128 characters or has illegal ones."}},
			{ID{"dev1", strings.Repeat("m", 129)}, Refusal{BadArgument, "The module id '" + strings.Repeat("m", 129) + "' is longer than 128 characters or has illegal ones."}},
		} {
			if _, refused := h.Mailbox(test.id); refused == nil || *refused != test.want {
				t.Errorf("mailbox of %+v: %v, want %v", test.id, refused, test.want)
			}
		}
		for i := range maxModules - 1 {
			h.box(ID{"dev1", fmt.Sprint("m", i)})
		}
		if _, refused := h.Mailbox(ID{"dev1", "one more"}); refused == nil || refused.Code != BadArgument {
			t.Errorf("refused with %v, want %d", refused, BadArgument)
		}
		if _, refused := h.Mailbox(ID{"dev1", "one-more"}); refused == nil || refused.Code != TooManyModules {
			t.Errorf("refused with %v, want %d", refused, TooManyModules)
		}
		h.box(ID{"dev1", "m1"}) // one that is there
		if !h.Registered("dev1") || h.Registered("dev2") || h.Registered("") {
			t.Error("not the devices that are registered")
		}
	})
}

// TestOptionsReachTheQueue checks that a broker's settings are its devices'.
func TestOptionsReachTheQueue(t *testing.T) {
	inHub(t, Options{LockTimeout: time.Second, DefaultTTL: time.Minute, MaxDeliveryCount: 2, MaxQueue: 1, CountLostLocks: true}, func(t *testing.T, h hub) {
		want := rules{pending: 1, lock: time.Second, ttl: time.Minute, deliveries: 2, countLostLocks: true}
		if got := *h.dev1().rules; got != want {
			t.Errorf("limits %+v, want %+v", got, want)
		}
		h.send("a")
		refused := h.Send(ID{Device: "dev1"}, named("b"))
		if want := Refuse(QueueFull, "Cloud-to-device messages enqueued for device dev1 exceeded the queue limit of 1."); refused == nil || *refused != *want {
			t.Errorf("refused with %v, want %v", refused, want)
		}
		if refused := h.Send(ID{Device: "dev2"}, named("b")); refused == nil || refused.Code != DeviceNotFound {
			t.Errorf("refused with %v, want %d", refused, DeviceNotFound)
		}
	})
	t.Run("defaults", func(t *testing.T) {
		inHub(t, Options{}, func(t *testing.T, h hub) {
			if got := *h.dev1().rules; got != iotHubLimits {
				t.Errorf("limits %+v, want %+v", got, iotHubLimits)
			}
		})
	})
}

func TestPurge(t *testing.T) {
	m := newMemory()
	inHub(t, Options{Journal: m}, func(t *testing.T, h hub) {
		h.send("a")
		h.send("b")
		h.dev1().Take()
		for _, test := range []struct {
			id   ID
			n    int
			code Code
		}{{ID{Device: "dev1"}, 2, 0}, {ID{Device: "dev1"}, 0, 0}, {ID{Device: "nobody"}, 0, DeviceNotFound}} {
			n, refused := h.Purge(test.id)
			if n != test.n || (refused == nil) != (test.code == 0) || refused != nil && refused.Code != test.code {
				t.Errorf("purge %v: %d, %v, want %d, %d", test.id, n, refused, test.n, test.code)
			}
		}
		h.send("c")
		m.setFail(always)
		if n, refused := h.Purge(ID{Device: "dev1"}); n != 0 || refused == nil || refused.Code != Internal {
			t.Errorf("purge on a bad disk: %d, %v", n, refused)
		}
		if refused := h.Send(ID{Device: "dev1"}, named("d")); refused == nil || refused.Code != Internal {
			t.Errorf("send on a bad disk: %v", refused)
		}
		if got := h.Pending("dev1"); !slices.Equal(got, []string{"c"}) {
			t.Errorf("pending %q, want c", got)
		}
	})
}

func TestPending(t *testing.T) {
	inHub(t, Options{}, func(t *testing.T, h hub) {
		if got := append(h.Pending("dev1"), h.Pending("nobody")...); got != nil {
			t.Errorf("pending %q, want none", got)
		}
		for _, id := range names(1, 3) {
			h.send(id)
		}
		h.settle(Complete)
		h.dev1().Take()
		if got, want := h.Pending("dev1"), names(2, 3); !slices.Equal(got, want) {
			t.Errorf("pending %q, want %q", got, want)
		}
	})
}

// TestEvents checks what the observer and the log hear of one message.
func TestEvents(t *testing.T) {
	var mu sync.Mutex
	var told []string
	observer := func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprint(e.Kind, " ", e.Device, " ", e.MessageID, " ", e.Sequence, " ", e.Detail))
	}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	inHub(t, Options{Observer: observer, Logger: logger}, func(t *testing.T, h hub) {
		box := h.box(ID{"dev1", "mod"})
		if err := box.Put(named("a")); err != nil {
			t.Fatal(err)
		}
		d, _ := box.Take()
		_ = box.Settle(d.Token, Abandon)
		d, _ = box.Take()
		box.Release([]LockToken{d.Token})
		box.Take()
		time.Sleep(time.Minute)
		d, _ = box.Take()
		_ = box.Settle(d.Token, Complete)
		want := []string{
			"delivered dev1/mod a 1 ", "returned dev1/mod a 1 abandoned",
			"delivered dev1/mod a 1 ", "returned dev1/mod a 1 released",
			"delivered dev1/mod a 1 ", "returned dev1/mod a 1 lock lost",
			"delivered dev1/mod a 1 ", "finished dev1/mod a 1 Success",
		}
		if !slices.Equal(told, want) {
			t.Errorf("told %q\nwant %q", told, want)
		}
		if want := `level=DEBUG msg="message finished" device=dev1/mod id=a status=Success`; !strings.Contains(log.String(), want) {
			t.Errorf("log %q, want %q in it", log.String(), want)
		}
	})
}

type displaced struct{ times int }

func (d *displaced) Displace() { d.times++ }

func TestClaim(t *testing.T) {
	inHub(t, Options{}, func(t *testing.T, h hub) {
		var first, second, third displaced
		box := h.dev1()
		box.Claim(&first)
		box.Claim(&second)
		box.Leave(&first) // too late: it is not its claim any more
		box.Claim(&third)
		box.Leave(&third)
		box.Claim(&first)
		if first.times != 1 || second.times != 1 || third.times != 0 {
			t.Errorf("displaced %d, %d and %d times, want 1, 1, 0", first.times, second.times, third.times)
		}
	})
}

// TestRefusals checks the words for errors.
func TestRefusals(t *testing.T) {
	t.Parallel()
	if got, want := *AsRefusal(fmt.Errorf("x: %w", ErrLockLost)), (Refusal{LockLost, "The lock of the message has run out."}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := *AsRefusal(errDisk), (Refusal{Internal, "input/output error"}); got != want || got.Error() != want.Message {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		id         ID
		text, path string
	}{
		{ID{Device: "d"}, "d", "/devices/d"},
		{ID{"d", "m"}, "d/m", "/devices/d/modules/m"},
		{ID{Device: "a/b"}, "a/b", "/devices/a/b"},
		{ID{Device: "modules"}, "modules", "/devices/modules"},
	} {
		if test.id.String() != test.text || test.id.Path() != test.path || parsePath(test.path) != test.id {
			t.Errorf("%+v is %s and %s, and back %+v", test.id, test.id, test.id.Path(), parsePath(test.path))
		}
	}
}

// TestIdleMailboxesAreSmall counts what 10,000 devices cost that have had a
// message each, and hold none: no goroutine, no timer, some bytes.
func TestIdleMailboxesAreSmall(t *testing.T) {
	const n = 10_000
	var o Options
	for i := range n {
		o.Devices = append(o.Devices, fmt.Sprint("device", i))
	}
	h := start(t, o)
	defer h.Close()
	goroutines := runtime.NumGoroutine()
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for _, d := range o.Devices {
		box := h.box(ID{Device: d})
		if err := box.Put(named("m")); err != nil {
			t.Fatal(err)
		}
		d, _ := box.Take()
		if err := box.Settle(d.Token, Complete); err != nil {
			t.Fatal(err)
		}
		if q := box.Queue; q.timer != nil || q.ready != nil || q.locked != nil {
			t.Fatalf("an empty queue holds %v, %v, %v", q.timer, q.ready, q.locked)
		}
	}
	each := int64(heap()-before) / n
	t.Logf("%d bytes each", each)
	if more := runtime.NumGoroutine() - goroutines; more > 0 || each > 1024 {
		t.Errorf("%d goroutines and %d bytes for each mailbox, want none and at most 1024", more, each)
	}
	runtime.KeepAlive(h)
}
