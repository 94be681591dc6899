package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

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
		for device, want := range map[string]bool{"dev1": true, "dev2": false, "": false} {
			if got := h.Activity(ID{Device: device}).Generation != ""; got != want {
				t.Errorf("device %q exists: %v, want %v", device, got, want)
			}
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
