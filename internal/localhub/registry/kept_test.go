package registry

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/store"
	"iothub-c2d/internal/sas"
)

// noMessages is a codec for stores in which there are none.
type noMessages struct{}

func (noMessages) Encode(*broker.Message) ([]byte, error) { return []byte{}, nil }
func (noMessages) Decode([]byte) (*broker.Message, error) { return new(broker.Message), nil }

// disk is a store that fails when it is told to.
type disk struct {
	*store.Store
	fails   bool
	commits int
}

var errDisk = errors.New("input/output error")

func (d *disk) Commit(changes []broker.Change, done func(error)) {
	if d.fails {
		done(errDisk)
		return
	}
	d.commits++
	d.Store.Commit(changes, done)
}

func openDisk(t *testing.T, dir string) *disk {
	t.Helper()
	s, err := store.Open(dir, noMessages{})
	if err != nil {
		t.Fatal(err)
	}
	return &disk{Store: s}
}

func (w world) stop(d *disk) {
	w.t.Helper()
	w.broker.Close()
	if err := d.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// TestRestart takes up everything that was said of devices and modules.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := openDisk(t, dir)
	w := start(t, first)
	for _, i := range []Identity{
		{ID: device("sas"), Authentication: Authentication{Type: SAS, Keys: [2]sas.Key{key(16), key(64)}}},
		{ID: module("sas", "mod"), ManagedBy: "somebody"},
		{ID: device("x509"), Edge: true, Authentication: Authentication{Type: SelfSigned, Thumbprints: []string{strings.Repeat("aB", 20)}}},
		{ID: device("ca"), Authentication: Authentication{Type: Authority}},
		{ID: device("odd%;:'")},
		{ID: device("gone")},
	} {
		w.create(i)
	}
	w.update(Identity{ID: device("x509"), Disabled: true, StatusReason: "käse", Edge: true}, AnyETag)
	wantRefusal(t, "delete", w.Delete(device("gone"), AnyETag), 0)
	before := w.List("", 100)
	beforeModules, _ := w.Modules("sas")
	w.stop(first)

	second := openDisk(t, dir)
	w = start(t, second)
	after := w.List("", 100)
	afterModules, _ := w.Modules("sas")
	if !slices.EqualFunc(before, after, same) || !slices.EqualFunc(beforeModules, afterModules, same) {
		t.Errorf("kept %+v %+v\nwant %+v %+v", after, afterModules, before, beforeModules)
	}
	if second.commits > 0 {
		t.Errorf("%d commits at the start, want none", second.commits)
	}
	wantRefusal(t, "a disabled device", w.Refuse(device("x509")), broker.Unauthorized)
	w.stop(second)
}

// TestGivenDevicesWin restarts a registry with devices in its settings: those exist,
// with these keys, whatever was kept; all else stays.
func TestGivenDevicesWin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := openDisk(t, dir)
	w := start(t, first, Device{ID: "changed", Key: key(16)}, Device{ID: "same", Key: key(16), SecondaryKey: key(17)}, Device{ID: "deleted", Key: key(16)})
	if first.commits != 1 {
		t.Errorf("%d commits for three devices, want 1", first.commits)
	}
	w.update(Identity{ID: device("changed"), Disabled: true, Authentication: Authentication{Type: Authority}}, AnyETag)
	w.create(Identity{ID: module("changed", "mod")})
	w.create(Identity{ID: device("made")})
	deleted, _ := w.Get(device("deleted"))
	wantRefusal(t, "delete", w.Delete(device("deleted"), AnyETag), 0)
	before := w.List("", 100)
	w.stop(first)

	second := openDisk(t, dir)
	w = start(t, second, Device{ID: "changed", Key: key(18)}, Device{ID: "same", Key: key(16), SecondaryKey: key(17)}, Device{ID: "deleted", Key: key(16)}, Device{ID: "new"})
	defer w.stop(second)
	for _, old := range before {
		i, _ := w.Get(old.ID)
		if want := old; old.ID.Device == "changed" {
			want.ETag, want.Authentication = i.ETag, Authentication{Type: Any, Keys: [2]sas.Key{key(18)}}
			if !same(i, want) || i.ETag == old.ETag {
				t.Errorf("%+v, want it with the key of the settings: %+v", i, old)
			}
		} else if !same(i, old) {
			t.Errorf("%+v, want it unchanged: %+v", i, old)
		}
	}
	if _, refused := w.Get(module("changed", "mod")); refused != nil {
		t.Errorf("the module is gone: %v", refused)
	}
	if i, _ := w.Get(device("deleted")); i.Generation <= deleted.Generation {
		t.Errorf("the deleted device is back with generation %s, want one after %s", i.Generation, deleted.Generation)
	}
	if _, refused := w.Get(device("new")); refused != nil {
		t.Error(refused)
	}
}

// TestBadDisk refuses what cannot be kept, and has not done it.
func TestBadDisk(t *testing.T) {
	t.Parallel()
	d := openDisk(t, t.TempDir())
	w := start(t, d, Device{ID: "dev"})
	defer w.stop(d)
	w.create(Identity{ID: module("dev", "mod")})
	before, _ := w.Get(device("dev"))
	d.fails = true
	_, refused := w.Create(Identity{ID: device("new")})
	wantRefusal(t, "create", refused, broker.Internal)
	_, refused = w.Update(Identity{ID: device("dev"), Disabled: true}, AnyETag)
	wantRefusal(t, "update", refused, broker.Internal)
	wantRefusal(t, "delete", w.Delete(device("dev"), AnyETag), broker.Internal)
	_, refused = w.Get(device("new"))
	wantRefusal(t, "get", refused, broker.DeviceNotFound)
	if after, refused := w.Get(device("dev")); refused != nil || !same(after, before) {
		t.Errorf("%+v, %v, want it unchanged: %+v", after, refused, before)
	}
	if list, _ := w.Modules("dev"); len(list) != 1 {
		t.Errorf("modules %v, want mod", list)
	}
	wantRefusal(t, "the device", w.Refuse(device("dev")), 0)
	d.fails = false
	wantRefusal(t, "delete", w.Delete(device("dev"), AnyETag), 0)

	b, err := broker.New(broker.Options{Journal: &disk{Store: d.Store, fails: true}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Broker: b, Devices: []Device{{ID: "dev"}}}); !errors.Is(err, errDisk) {
		t.Errorf("error %v, want %v", err, errDisk)
	}
}

// TestBadDocuments refuses to start with identities that it cannot read.
func TestBadDocuments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ document, want string }{
		{"", "what is kept of dev: unexpected end of JSON input"},
		{`{"type":"sas","keys":["","!"]}`, "what is kept of dev: key 2: shared access key is not valid base64"},
	} {
		d := openDisk(t, t.TempDir())
		kept := make(chan error, 1)
		d.Commit([]broker.Change{broker.PutIdentity{ID: device("dev"), Document: []byte(test.document)}}, func(err error) { kept <- err })
		if err := <-kept; err != nil {
			t.Fatal(err)
		}
		b, err := broker.New(broker.Options{Journal: d})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(Options{Broker: b}); err == nil || err.Error() != test.want {
			t.Errorf("error %v, want %s", err, test.want)
		}
		b.Close()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}
