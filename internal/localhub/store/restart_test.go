package store

import (
	"encoding/json"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/localhub/broker"
)

// keeper is a broker that keeps its queues in a store.
type keeper struct {
	*broker.Broker
	t     *testing.T
	store *Store
}

func keep(t *testing.T, dir string) keeper {
	t.Helper()
	return keepIn(t, open(t, dir))
}

func keepIn(t *testing.T, s *Store) keeper {
	t.Helper()
	b, err := broker.New(broker.Options{
		MaxDeliveryCount: 3, Journal: s, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err == nil {
		err = b.Register(broker.PutIdentity{ID: broker.ID{Device: "dev1"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return keeper{b, t, s}
}

func (k keeper) close() {
	k.t.Helper()
	k.Close()
	closeStore(k.t, k.store)
}

func (k keeper) box() *broker.Mailbox {
	k.t.Helper()
	m, refused := k.Mailbox(broker.ID{Device: "dev1"})
	if refused != nil {
		k.t.Fatal(refused)
	}
	return m
}

// put puts a message that wants all feedback.
func (k keeper) put(id string, life time.Duration) {
	k.t.Helper()
	m := &broker.Message{ID: id, Ack: broker.AckFull, Expiry: time.Now().Add(life), Body: []byte("body of " + id)}
	if err := k.box().Put(m); err != nil {
		k.t.Fatal(err)
	}
}

func (k keeper) take() broker.Delivery {
	k.t.Helper()
	d, ok := k.box().Take()
	if !ok {
		k.t.Fatal("no message is ready")
	}
	return d
}

func (k keeper) settle(how broker.Settlement) string {
	k.t.Helper()
	d := k.take()
	if err := k.box().Settle(d.Token, how); err != nil {
		k.t.Fatal(err)
	}
	return d.Message.ID
}

// readFeedback takes all feedback that is on its way, as "id status" in no order,
// and the generation of its device.
func (k keeper) readFeedback() (records []string, generation string) {
	k.t.Helper()
	synctest.Wait()
	for {
		d, ok := k.Feedback().Take()
		if !ok {
			slices.Sort(records)
			return records, generation
		}
		var batch []broker.Record
		if err := json.Unmarshal(d.Message.Body, &batch); err != nil {
			k.t.Fatal(err)
		}
		for _, r := range batch {
			records = append(records, r.OriginalMessageID+" "+string(r.StatusCode))
			generation = r.DeviceGenerationID
		}
		if err := k.Feedback().Settle(d.Token, broker.Complete); err != nil {
			k.t.Fatal(err)
		}
	}
}

// TestRestart stops a broker in the middle of its work, and expects the next one
// to take it up: messages in order, delivery counts, feedback, generation.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { testRestart(t, dir) })
}

func testRestart(t *testing.T, dir string) {
	first := keep(t, dir)
	first.put("before", time.Hour)
	first.settle(broker.Complete)
	_, generation := first.readFeedback()
	for _, id := range []string{"done", "bad", "returned", "held", "waiting"} {
		first.put(id, time.Hour)
	}
	first.put("short", time.Minute)
	first.settle(broker.Complete)
	first.settle(broker.Reject)
	first.settle(broker.Abandon)
	first.settle(broker.Abandon)
	returned := first.take()
	if err := first.box().Settle(returned.Token, broker.Release); err != nil || returned.DeliveryCount != 2 {
		t.Fatalf("delivery count %d, %v; want 2", returned.DeliveryCount, err)
	}
	first.close()
	time.Sleep(time.Minute) // the end of the short one

	second := keep(t, dir)
	defer second.close()
	d := second.take()
	if got, want := d.Message.ID+"/"+string(d.Message.Body), "returned/body of returned"; got != want || d.DeliveryCount != 2 {
		t.Errorf("first message = %s with delivery count %d, want %s with 2", got, d.DeliveryCount, want)
	}
	if err := second.box().Settle(d.Token, broker.Abandon); err != nil { // the third time is the last
		t.Fatal(err)
	}
	second.put("new", time.Hour)
	var order []string
	for range 3 {
		order = append(order, second.settle(broker.Complete))
	}
	if want := []string{"held", "waiting", "new"}; !slices.Equal(order, want) {
		t.Errorf("order = %v, want %v", order, want)
	}
	if n := second.box().Len(); n != 0 {
		t.Errorf("%d messages are left", n)
	}
	want := []string{
		"bad Rejected", "done Success", "held Success", "new Success", "returned DeliveryCountExceeded",
		"short Expired", "waiting Success",
	}
	got, same := second.readFeedback()
	if !slices.Equal(got, want) {
		t.Errorf("feedback = %v\nwant       %v", got, want)
	}
	if same != generation {
		t.Errorf("generation = %s, want %s", same, generation)
	}
}

// TestRestartAgain expects nothing to come back that was settled.
func TestRestartAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { testRestartAgain(t, dir) })
}

func testRestartAgain(t *testing.T, dir string) {
	for range 3 {
		k := keep(t, dir)
		k.put("m", time.Hour)
		k.settle(broker.Complete)
		if got, _ := k.readFeedback(); !slices.Equal(got, []string{"m Success"}) {
			t.Errorf("feedback = %v, want that of m", got)
		}
		k.close()
	}
}

// TestUnreportedRecordIsKept ends a message in the store without the report that
// usually follows, as a kill between the two would.
func TestUnreportedRecordIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { testUnreportedRecord(t, dir) })
}

func testUnreportedRecord(t *testing.T, dir string) {
	first := keep(t, dir)
	first.put("m", time.Hour)
	first.close()
	s := open(t, dir)
	commit(t, s,
		broker.RemoveEntry{Queue: broker.ID{Device: "dev1"}.Path(), Sequence: 1},
		broker.PutRecord{Record: broker.Record{Key: "k", OriginalMessageID: "m", StatusCode: broker.StatusSuccess}})
	closeStore(t, s)
	for i, want := range [][]string{{"m Success"}, nil} {
		k := keep(t, dir)
		if got, _ := k.readFeedback(); !slices.Equal(got, want) {
			t.Errorf("broker %d: feedback = %v, want %v", i, got, want)
		}
		if n := k.Pending("dev1"); len(n) != 0 {
			t.Errorf("broker %d: pending = %v", i, n)
		}
		k.close()
	}
}

// TestSettlementOnBadDisk settles messages while the disk fails: what is answered
// with an error comes again, also after a restart, and what is not does not.
func TestSettlementOnBadDisk(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]commitFault{"not made": unmade, "made": made} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s, disk := onBadDisk(t, dir)
				k := keepIn(t, s)
				k.put("a", time.Hour)
				k.put("b", time.Hour)
				k.settle(broker.Complete)
				held := k.take()
				synctest.Wait() // for the feedback
				disk.commit = fault
				for range 3 {
					if err := k.box().Settle(held.Token, broker.Complete); err == nil {
						t.Error("settled on a bad disk")
					}
				}
				disk.commit = healthy
				time.Sleep(time.Minute)
				again := k.take()
				if again.Message.ID != "b" || again.DeliveryCount != 0 {
					t.Errorf("took %s, delivered %d times, want b, 0", again.Message.ID, again.DeliveryCount)
				}
				k.close()
				next := keep(t, dir)
				if got := next.Pending("dev1"); !slices.Equal(got, []string{"b"}) {
					t.Errorf("pending after a restart = %v, want b", got)
				}
				next.settle(broker.Complete)
				if got, _ := next.readFeedback(); !slices.Equal(got, []string{"a Success", "b Success"}) {
					t.Errorf("feedback = %v", got)
				}
				next.close()
			})
		})
	}
}
