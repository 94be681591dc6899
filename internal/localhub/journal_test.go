package localhub

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/amqpfront"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
)

// slowDisk is a journal of which each commit waits until it is let through, once
// the hub is there.
type slowDisk struct {
	mu      sync.Mutex
	fast    bool
	waiting []func(error)
}

func (*slowDisk) Load() (*broker.State, error) { return new(broker.State), nil }

func (d *slowDisk) Commit(_ []broker.Change, done func(error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fast {
		done(nil)
		return
	}
	d.waiting = append(d.waiting, done)
}

// pass lets the commit through that has waited longest, with an error or none. It
// reports whether there was one.
func (d *slowDisk) pass(err error) bool {
	d.mu.Lock()
	if len(d.waiting) == 0 {
		d.mu.Unlock()
		return false
	}
	done := d.waiting[0]
	d.waiting = d.waiting[1:]
	d.mu.Unlock()
	done(err)
	return true
}

// onSlowDisk runs a test against a hub that keeps its data on one.
func onSlowDisk(t *testing.T, f func(t *testing.T, w *world, disk *slowDisk)) {
	t.Helper()
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		disk := &slowDisk{fast: true}
		options := broker.Options{HostName: testHost, Journal: disk}
		if err := w.hub.takeUp(options, []Device{{ID: "dev1", Key: defaults.Key()}}); err != nil {
			t.Fatal(err)
		}
		disk.fast = false
		control := access.New(access.Options{
			HostNames: []string{testHost}, Policies: access.DefaultPolicies(), Registry: w.hub.registry,
		})
		w.hub.amqp = amqpfront.New(amqpfront.Options{
			Broker: w.hub.broker, Access: control, Gateway: GatewayV2, Memory: w.hub.connections,
		})
		f(t, w, disk)
		for more := true; more; more = disk.pass(nil) {
		}
	})
}

// wantPassed lets a commit through that must be there.
func (d *slowDisk) wantPassed(t *testing.T, err error) {
	t.Helper()
	if !d.pass(err) {
		t.Fatal("there is nothing to write")
	}
}

// TestNothingBeforeItIsOnDisk checks what clients see of a slow disk: a message is
// not acknowledged, and not delivered, before it is written, a settlement is not
// confirmed, and there is no feedback on it. What is asked meanwhile is written
// together.
func TestNothingBeforeItIsOnDisk(t *testing.T) {
	onSlowDisk(t, func(t *testing.T, w *world, disk *slowDisk) {
		back, device := w.service(), w.device("dev1")
		back.Sender(0, serviceAddress)
		back.Receiver(1, feedbackAddress)
		back.Credit(1, 0, 10)
		device.second(10)
		quiet := func() {
			t.Helper()
			back.WantNothing()
			device.WantNothing()
		}
		accepted := func(id uint32) {
			t.Helper()
			if d := want[*amqpwire.Disposition](back); d.First != id || !d.Settled {
				t.Fatalf("disposition %+v, want %d settled", d, id)
			}
		}
		for id := range uint32(3) {
			m := c2d(names(int(id)+1, int(id)+1)[0])
			m.ApplicationProperties = amqpwire.Map{{Key: "iothub-ack", Value: "full"}}
			back.transfer(&amqpwire.Transfer{DeliveryID: &id}, m)
		}
		quiet()
		disk.wantPassed(t, nil)
		accepted(0)
		device.wantMessages(1, "m1")
		quiet()
		disk.wantPassed(t, nil)
		accepted(1)
		accepted(2)
		device.wantMessages(2, "m2", "m3")

		device.Dispose(1, new(uint32(3)), &amqpwire.Accepted{})
		quiet()
		disk.wantPassed(t, nil)
		if err := device.WantAnswer(1); err != nil {
			t.Error(err)
		}
		quiet()
		disk.wantPassed(t, nil)
		_, feedback := back.WantTransfer()
		if got := originalIDs(t, rawclient.Decode(t, feedback).Data[0]); !slices.Equal(got, []string{"m1"}) {
			t.Errorf("feedback of %q, want of m1", got)
		}
		quiet()
		disk.wantPassed(t, nil)
		for id := range uint32(2) {
			if err := device.WantAnswer(2 + id); err != nil {
				t.Error(err)
			}
		}
		quiet()
	})
}

// TestBadDisk checks what clients see of a disk that fails: the messages and
// settlements that were to be written together are refused.
func TestBadDisk(t *testing.T) {
	onSlowDisk(t, func(t *testing.T, w *world, disk *slowDisk) {
		back, device := w.service(), w.device("dev1")
		back.Sender(0, serviceAddress)
		device.second(10)
		for id := range uint32(2) {
			back.transfer(&amqpwire.Transfer{DeliveryID: &id}, c2d("m"))
		}
		back.WantNothing()
		disk.wantPassed(t, nil)
		want[*amqpwire.Disposition](back)
		device.wantMessages(1, "m")
		device.Dispose(1, nil, &amqpwire.Accepted{})
		device.WantNothing()
		broken := errors.New("the disk is full")
		disk.wantPassed(t, broken)
		d := want[*amqpwire.Disposition](back)
		if r, ok := d.State.(*amqpwire.Rejected); !ok || d.First != 1 || r.Error.Condition != amqpserver.CondInternalError {
			t.Errorf("disposition %+v, want it rejected", d)
		}
		disk.wantPassed(t, broken)
		rawclient.WantCondition(t, "answer", device.WantAnswer(1), amqpserver.CondInternalError)
		device.WantNothing()
	})
}
