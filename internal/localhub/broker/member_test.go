package broker

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"
)

// TestUnregister ends a device with all that it has, in memory and in the journal,
// and begins another of the same name.
func TestUnregister(t *testing.T) {
	m := newMemory()
	inHub(t, Options{Journal: m}, func(t *testing.T, h hub) {
		device, module := ID{Device: "dev1"}, ID{"dev1", "mod"}
		before := h.dev1()
		h.send("a")
		h.send("b")
		held, _ := before.Take()
		if err := h.box(module).Put(&Message{ID: "c", Ack: AckNegative}); err != nil {
			t.Fatal(err)
		}
		if err := h.Unregister(device); err != nil {
			t.Fatal(err)
		}
		h.wantBatch("c Purged", "a Purged", "b Purged") // modules go first
		if _, refused := h.Mailbox(device); refused == nil || refused.Code != DeviceNotFound {
			t.Errorf("mailbox refused with %v, want %d", refused, DeviceNotFound)
		}
		if err := before.Settle(held.Token, Complete); !errors.Is(err, ErrLockLost) {
			t.Errorf("settled with %v, want %v", err, ErrLockLost)
		}
		if err := before.Put(named("late")); !errors.Is(err, errGone) {
			t.Errorf("put with %v, want %v", err, errGone)
		}
		kept, _ := m.Load()
		delete(kept.Queues, FeedbackQueue)
		if len(kept.Queues)+len(kept.Identities)+len(kept.Generations)+len(kept.Records) > 0 {
			t.Errorf("the journal still has %+v", kept)
		}

		if err := h.Register(PutIdentity{ID: device}); err != nil {
			t.Fatal(err)
		}
		after := h.dev1()
		if after.generation <= before.generation || after.Len() != 0 || len(after.modules) != 0 {
			t.Errorf("generation %s with %d messages, want one after %s with none", after.generation, after.Len(), before.generation)
		}
		h.send("d")
		if d, ok := after.Take(); !ok || d.Sequence != 1 {
			t.Errorf("took %+v, %v, want the first message of a new queue", d, ok)
		}
	})
}

// TestUnregisterModule leaves its device alone.
func TestUnregisterModule(t *testing.T) {
	m := newMemory()
	inHub(t, Options{Journal: m}, func(t *testing.T, h hub) {
		module := ID{"dev1", "mod"}
		if err := h.Register(PutIdentity{module, []byte("document")}); err != nil {
			t.Fatal(err)
		}
		h.send("a")
		before := h.box(module)
		if err := h.Unregister(module); err != nil {
			t.Fatal(err)
		}
		if got := slices.Collect(maps.Keys(m.identities)); !slices.Equal(got, []string{"/devices/dev1"}) {
			t.Errorf("identities %q are left, want dev1's", got)
		}
		if h.box(module) == before || h.dev1().Len() != 1 {
			t.Errorf("the module is the same, or its device's messages are gone: %d", h.dev1().Len())
		}
		if err := h.Unregister(ID{"dev1", "never"}); err != nil {
			t.Errorf("unregistering nobody: %v", err)
		}
	})
}

// TestUnregisterThatFails checks that what is not written has not happened: the
// device is there again, with the modules that were not reached.
func TestUnregisterThatFails(t *testing.T) {
	for _, test := range []struct {
		name    string
		fails   string // path of the identity whose removal cannot be written
		modules []string
	}{
		{"the first module", "/devices/dev1/modules/a", []string{"a", "b"}},
		{"the second module", "/devices/dev1/modules/b", []string{"b"}},
		{"the device", "/devices/dev1", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMemory()
			inHub(t, Options{Journal: m}, func(t *testing.T, h hub) {
				for _, name := range []string{"a", "b"} {
					_ = h.box(ID{"dev1", name}).Put(named("m"))
				}
				h.send("kept")
				box := h.dev1()
				m.setFail(func(changes []Change) bool {
					return slices.ContainsFunc(changes, func(c Change) bool {
						remove, ok := c.(RemoveIdentity)
						return ok && remove.ID.Path() == test.fails
					})
				})
				if err := h.Unregister(ID{Device: "dev1"}); !errors.Is(err, errDisk) {
					t.Fatalf("error %v, want %v", err, errDisk)
				}
				if got := slices.Sorted(maps.Keys(box.modules)); !slices.Equal(got, test.modules) {
					t.Errorf("modules %q are left, want %q", got, test.modules)
				}
				if h.dev1() != box || !slices.Equal(h.Pending("dev1"), []string{"kept"}) {
					t.Errorf("pending %q in another mailbox, want kept in the same", h.Pending("dev1"))
				}
				m.setFail(nil)
				if err := h.Unregister(ID{Device: "dev1"}); err != nil || len(m.identities) > 0 {
					t.Errorf("error %v, identities %v", err, m.identities)
				}
			})
		})
	}
}

// TestRegisterIsOneCommit registers a device with its module, or nothing.
func TestRegisterIsOneCommit(t *testing.T) {
	m := newMemory()
	inHub(t, Options{Journal: m}, func(t *testing.T, h hub) {
		list := []PutIdentity{{ID{Device: "dev2"}, []byte("2")}, {ID{"dev2", "mod"}, []byte("mod")}}
		m.setFail(always)
		if err := h.Register(list...); !errors.Is(err, errDisk) {
			t.Errorf("error %v, want %v", err, errDisk)
		}
		if h.find(ID{Device: "dev2"}) != nil {
			t.Error("the device exists that could not be written")
		}
		m.setFail(nil)
		if n := m.counted(func() { _ = h.Register(list...) }); n != 1 {
			t.Errorf("%d commits, want 1", n)
		}
		if n := m.counted(func() { _ = h.Register() }); n != 0 {
			t.Errorf("%d commits for nobody, want none", n)
		}
		generation := h.box(ID{"dev2", "mod"}).generation
		if err := h.Register(PutIdentity{ID{"dev2", "mod"}, []byte("changed")}); err != nil {
			t.Fatal(err)
		}
		if got := string(m.identities["/devices/dev2/modules/mod"]); got != "changed" || h.box(ID{"dev2", "mod"}).generation != generation {
			t.Errorf("document %q, generation %s, want changed and %s", got, h.box(ID{"dev2", "mod"}).generation, generation)
		}

		h.Close()
		next := start(t, Options{Journal: m})
		defer next.Close()
		var ids []string
		for _, p := range next.Identities() {
			ids = append(ids, p.ID.String()+"="+string(p.Document))
		}
		if want := []string{"dev1=", "dev2=2", "dev2/mod=changed"}; !slices.Equal(ids, want) {
			t.Errorf("kept %q, want %q", ids, want)
		}
		if next.box(ID{"dev2", "mod"}).generation != generation {
			t.Error("the generation is another after a restart")
		}
		if list := next.Identities(); list != nil {
			t.Errorf("kept identities a second time: %v", list)
		}
	})
}

// TestStraysAreClaimed registers a device whose messages the journal has kept from
// before: it gets them, and its modules theirs.
func TestStraysAreClaimed(t *testing.T) {
	m := newMemory()
	inHub(t, Options{Journal: m}, func(t *testing.T, h hub) {
		h.send("a")
		_ = h.box(ID{"dev1", "mod"}).Put(named("b"))
		generation := h.dev1().generation
		h.Close()
		delete(m.identities, "/devices/dev1")

		next := start(t, Options{Journal: m}, "other")
		defer next.Close()
		if err := next.Register(PutIdentity{ID: ID{Device: "dev1"}}); err != nil {
			t.Fatal(err)
		}
		box := next.dev1()
		if got := next.Pending("dev1"); !slices.Equal(got, []string{"a"}) || box.generation != generation {
			t.Errorf("pending %q of generation %s, want a of %s", got, box.generation, generation)
		}
		if n := box.modules["mod"].Len(); n != 1 {
			t.Errorf("%d messages for the module, want 1", n)
		}
	})
}

// TestNothingIsLeftOfModules deletes a device after a restart, of whose module only
// the session or the generation was kept: the next one has neither.
func TestNothingIsLeftOfModules(t *testing.T) {
	m := newMemory()
	inHub(t, Options{Journal: m}, func(t *testing.T, h hub) {
		session, empty := ID{"dev1", "session"}, ID{"dev1", "empty"}
		if err := h.box(session).KeepSession([]byte("old")); err != nil {
			t.Fatal(err)
		}
		_ = h.box(empty).Put(named("m"))
		_, _ = h.box(empty).Purge()
		delete(m.last, empty.Path())
		generation := h.box(empty).generation
		h.Close()
		time.Sleep(time.Second)
		next := start(t, Options{Journal: m})
		defer next.Close()
		if err := next.Unregister(ID{Device: "dev1"}); err != nil {
			t.Fatal(err)
		}
		kept, _ := m.Load()
		delete(kept.Queues, FeedbackQueue)
		if len(kept.Sessions)+len(kept.Generations)+len(kept.Queues) > 0 {
			t.Errorf("the journal still has %+v", kept)
		}
		if err := next.Register(PutIdentity{ID: ID{Device: "dev1"}}); err != nil {
			t.Fatal(err)
		}
		if got := next.box(session).Session(); got != nil {
			t.Errorf("the session %q is that of an earlier module", got)
		}
		if next.box(empty).generation == generation {
			t.Error("the generation is that of an earlier module")
		}
	})
}

// TestModuleWithoutDevice leaves out what a journal should not hold.
func TestModuleWithoutDevice(t *testing.T) {
	m := newMemory()
	m.identities["/devices/none/modules/mod"] = nil
	inHub(t, Options{Journal: m}, func(t *testing.T, h hub) {
		if h.find(ID{"none", "mod"}) != nil || h.Pending("none") != nil {
			t.Error("a module exists without its device")
		}
	})
}
