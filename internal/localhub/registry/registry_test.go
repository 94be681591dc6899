package registry

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/sas"
)

// world is a registry with its broker, in a test.
type world struct {
	*Registry
	t      *testing.T
	broker *broker.Broker
}

// start returns a registry with the devices; its broker keeps things in a journal,
// or nowhere if that is nil.
func start(t *testing.T, journal broker.Journal, devices ...Device) world {
	t.Helper()
	b, err := broker.New(broker.Options{HostName: "hub.example", Journal: journal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	r, err := New(Options{Broker: b, HostName: "hub.example", Devices: devices, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	return world{r, t, b}
}

func device(id string) broker.ID         { return broker.ID{Device: id} }
func module(id, module string) broker.ID { return broker.ID{Device: id, Module: module} }

// key returns a key of n bytes.
func key(n int) sas.Key { return sas.NewKey(bytes.Repeat([]byte{byte(n)}, n)) }

func (w world) create(i Identity) Identity {
	w.t.Helper()
	created, refused := w.Create(i)
	if refused != nil {
		w.t.Fatalf("create %s: %v", i.ID, refused)
	}
	return created
}

func (w world) update(i Identity, etag string) Identity {
	w.t.Helper()
	updated, refused := w.Update(i, etag)
	if refused != nil {
		w.t.Fatalf("update %s: %v", i.ID, refused)
	}
	return updated
}

// wantRefusal expects a refusal with the code, or none if that is 0.
func wantRefusal(t *testing.T, what string, refused *broker.Refusal, want broker.Code) {
	t.Helper()
	switch {
	case refused == nil && want != 0:
		t.Errorf("%s: not refused, want %d", what, want)
	case refused != nil && refused.Code != want:
		t.Errorf("%s: refused with %d %v, want %d", what, refused.Code, refused, want)
	}
}

// same reports whether two identities are equal, keys included.
func same(a, b Identity) bool {
	return a.Authentication.equal(&b.Authentication) && a.ID == b.ID && a.Generation == b.Generation && a.ETag == b.ETag &&
		a.Disabled == b.Disabled && a.StatusReason == b.StatusReason && a.StatusUpdated.Equal(b.StatusUpdated) &&
		a.Edge == b.Edge && a.ManagedBy == b.ManagedBy
}

// TestCreate fills in what the back end leaves open, and keeps what it gives.
func TestCreate(t *testing.T) {
	t.Parallel()
	print40, print64 := strings.Repeat("Ab", 20), strings.Repeat("Cd", 32)
	for _, test := range []struct {
		name       string
		give, want Authentication // want: zero keys stand for keys that are made
	}{
		{"nothing", Authentication{}, Authentication{Type: SAS}},
		{"no keys", Authentication{Type: SAS}, Authentication{Type: SAS}},
		{"keys", Authentication{Type: SAS, Keys: [2]sas.Key{key(16), key(64)}}, Authentication{Type: SAS, Keys: [2]sas.Key{key(16), key(64)}}},
		{"one key", Authentication{Type: SAS, Keys: [2]sas.Key{{}, key(20)}}, Authentication{Type: SAS, Keys: [2]sas.Key{{}, key(20)}}},
		{"thumbprints of no use", Authentication{Type: SAS, Thumbprints: []string{print40}}, Authentication{Type: SAS}},
		{"thumbprints", Authentication{Type: SelfSigned, Thumbprints: []string{print40, print64}}, Authentication{Type: SelfSigned, Thumbprints: []string{print40, print64}}},
		{"keys of no use", Authentication{Type: SelfSigned, Keys: [2]sas.Key{key(16)}, Thumbprints: []string{print40}}, Authentication{Type: SelfSigned, Thumbprints: []string{print40}}},
		{"CA", Authentication{Type: Authority, Keys: [2]sas.Key{key(16)}}, Authentication{Type: Authority}},
		{"none", Authentication{Type: None}, Authentication{Type: None}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := start(t, nil)
			for _, id := range []broker.ID{device("dev"), module("dev", "mod")} {
				i := w.create(Identity{ID: id, StatusReason: "why", Authentication: test.give})
				got := i.Authentication
				for n := range got.Keys {
					if test.want.Type == SAS && test.want.Keys[n].IsZero() {
						if got.Keys[n].Len() != 32 {
							t.Errorf("%s: key %d has %d bytes, want 32", id, n, got.Keys[n].Len())
						}
						got.Keys[n] = sas.Key{}
					}
				}
				if !got.equal(&test.want) {
					t.Errorf("%s: %+v, want %+v", id, got, test.want)
				}
				if i.ETag == "" || i.Generation == "" || i.Generation != w.broker.Activity(id).Generation || i.StatusReason != "why" {
					t.Errorf("%s: %+v", id, i)
				}
				if found, refused := w.Get(id); refused != nil || !same(found, i) {
					t.Errorf("got %+v, %v, want %+v", found, refused, i)
				}
			}
		})
	}
}

// TestRefusedIdentities checks what is not taken, for a new identity or as a change.
func TestRefusedIdentities(t *testing.T) {
	t.Parallel()
	print40 := strings.Repeat("0", 40)
	long := strings.Repeat("é", 128)
	for _, test := range []struct {
		name string
		give Identity
		want broker.Code
	}{
		{"good", Identity{ID: device("new"), StatusReason: long, ManagedBy: long}, 0},
		{"odd id", Identity{ID: device("-:.+%_#*?!(),=@;$'")}, 0},
		{"no id", Identity{}, broker.BadArgument},
		{"slash in id", Identity{ID: device("a/b")}, broker.BadArgument},
		{"space in id", Identity{ID: device("a b")}, broker.BadArgument},
		{"long id", Identity{ID: device(strings.Repeat("a", 129))}, broker.BadArgument},
		{"module's id", Identity{ID: module("dev", "a/b")}, broker.BadArgument},
		{"long reason", Identity{ID: device("new"), StatusReason: long + "x"}, broker.BadArgument},
		{"long managedBy", Identity{ID: device("new"), ManagedBy: long + "x"}, broker.BadArgument},
		{"short key", Identity{ID: device("new"), Authentication: Authentication{Type: SAS, Keys: [2]sas.Key{key(15)}}}, broker.BadArgument},
		{"long key", Identity{ID: device("new"), Authentication: Authentication{Type: SAS, Keys: [2]sas.Key{{}, key(65)}}}, broker.BadArgument},
		{"no thumbprint", Identity{ID: device("new"), Authentication: Authentication{Type: SelfSigned}}, broker.BadArgument},
		{"three thumbprints", Identity{ID: device("new"), Authentication: Authentication{Type: SelfSigned, Thumbprints: []string{print40, print40, print40}}}, broker.BadArgument},
		{"bad thumbprint", Identity{ID: device("new"), Authentication: Authentication{Type: SelfSigned, Thumbprints: []string{"0"}}}, broker.BadArgument},
		{"unknown type", Identity{ID: device("new"), Authentication: Authentication{Type: "x"}}, broker.BadArgument},
		{"the hub's own type", Identity{ID: device("new"), Authentication: Authentication{Type: Any}}, broker.BadArgument},
		{"there already", Identity{ID: device("dev")}, broker.DeviceExists},
		{"module there already", Identity{ID: module("dev", "mod")}, broker.ModuleExists},
		{"module of nobody", Identity{ID: module("none", "mod")}, broker.DeviceNotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := start(t, nil, Device{ID: "dev"})
			w.create(Identity{ID: module("dev", "mod")})
			_, refused := w.Create(test.give)
			wantRefusal(t, "create", refused, test.want)
			if test.want != broker.BadArgument || !broker.IsID(test.give.ID.Device) {
				return
			}
			if test.give.ID.Module == "" {
				w.create(Identity{ID: test.give.ID})
				_, refused = w.Update(test.give, AnyETag)
				wantRefusal(t, "update", refused, test.want)
			}
		})
	}
}

// TestLimits fills a device with modules and a registry with devices.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := start(t, nil, Device{ID: "dev"})
	w.room = 3
	w.create(Identity{ID: device("two")})
	w.create(Identity{ID: device("three")})
	_, refused := w.Create(Identity{ID: device("four")})
	wantRefusal(t, "one device more", refused, broker.TooManyDevices)
	for i := range 50 {
		id := module("dev", "m"+strings.Repeat("x", i))
		if i%2 == 0 {
			w.create(Identity{ID: id})
		} else if _, refused := w.broker.Mailbox(id); refused != nil {
			t.Fatal(refused)
		}
	}
	_, refused = w.Create(Identity{ID: module("dev", "more")})
	wantRefusal(t, "one module more", refused, broker.TooManyModules)
	w.create(Identity{ID: module("dev", "mx")}) // it has been spoken of
}

// TestUpdate changes what is given, and tells the broker's clients if they must go.
func TestUpdate(t *testing.T) {
	t.Parallel()
	keys := [2]sas.Key{key(32), key(33)}
	for _, test := range []struct {
		name    string
		give    Identity
		keys    [2]sas.Key // afterwards; zero: made anew
		ends    bool       // whoever is connected is cut off
		changes bool       // the status
	}{
		{"nothing", Identity{}, keys, false, false},
		{"reason", Identity{StatusReason: "new"}, keys, false, false},
		{"keys left out", Identity{Authentication: Authentication{Type: SAS}}, keys, false, false},
		{"the same keys", Identity{Authentication: Authentication{Type: SAS, Keys: keys}}, keys, false, false},
		{"one key", Identity{Authentication: Authentication{Type: SAS, Keys: [2]sas.Key{{}, key(34)}}}, [2]sas.Key{keys[0], key(34)}, true, false},
		{"disabled", Identity{Disabled: true}, keys, true, true},
		{"CA", Identity{Authentication: Authentication{Type: Authority}}, [2]sas.Key{}, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := start(t, nil)
				before := w.create(Identity{ID: device("dev"), Authentication: Authentication{Type: SAS, Keys: keys}})
				box, _ := w.broker.Mailbox(before.ID)
				var ended *broker.Refusal
				box.Enter("test", func(r *broker.Refusal) { ended = r })
				time.Sleep(time.Second)
				test.give.ID = before.ID
				after := w.update(test.give, before.ETag)
				if (ended != nil) != test.ends || ended != nil && ended.Code != broker.Unauthorized {
					t.Errorf("ended with %v, want %v", ended, test.ends)
				}
				if (after.Revision != before.Revision) != test.ends {
					t.Errorf("revision %d after %d", after.Revision, before.Revision)
				}
				if got := after.Authentication.Keys; !got[0].Equal(test.keys[0]) || !got[1].Equal(test.keys[1]) {
					t.Error("the keys are not what was wanted")
				}
				if after.ETag == before.ETag || after.Generation != before.Generation || after.StatusReason != test.give.StatusReason {
					t.Errorf("%+v after %+v", after, before)
				}
				if after.StatusUpdated.IsZero() == test.changes || test.changes && !after.StatusUpdated.Equal(time.Now()) {
					t.Errorf("the status has changed at %v", after.StatusUpdated)
				}
			})
		})
	}
}

// TestETags checks who may change an identity that somebody else may have changed.
func TestETags(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	first := w.create(Identity{ID: device("dev")})
	second := w.update(Identity{ID: device("dev")}, AnyETag)
	_, refused := w.Update(Identity{ID: device("dev")}, first.ETag)
	wantRefusal(t, "update with an old ETag", refused, broker.PreconditionFailed)
	wantRefusal(t, "delete with an old ETag", w.Delete(device("dev"), first.ETag), broker.PreconditionFailed)
	wantRefusal(t, "delete with none", w.Delete(device("dev"), ""), broker.PreconditionFailed)
	wantRefusal(t, "delete", w.Delete(device("dev"), second.ETag), 0)
	wantRefusal(t, "delete again", w.Delete(device("dev"), second.ETag), broker.DeviceNotFound)
	_, refused = w.Update(Identity{ID: device("dev")}, AnyETag)
	wantRefusal(t, "update of nobody", refused, broker.DeviceNotFound)
	w.create(Identity{ID: device("dev")})
	wantRefusal(t, "delete of no module", w.Delete(module("dev", "m"), AnyETag), broker.ModuleNotFound)
}

// TestDelete takes modules and messages along, and begins anew afterwards.
func TestDelete(t *testing.T) {
	t.Parallel()
	w := start(t, nil, Device{ID: "other"})
	before := w.create(Identity{ID: device("dev"), Disabled: true, Authentication: Authentication{Type: SelfSigned, Thumbprints: []string{strings.Repeat("AB", 20)}}})
	w.create(Identity{ID: module("dev", "mod")})
	if refused := w.broker.Send(device("dev"), &broker.Message{ID: "m"}); refused != nil {
		t.Fatal(refused)
	}
	box, _ := w.broker.Mailbox(device("dev"))
	var ended *broker.Refusal
	box.Enter("test", func(r *broker.Refusal) {
		// Whoever is told to go finds the device gone already.
		wantRefusal(t, "while it goes", w.Refuse(device("dev")), broker.DeviceNotFound)
		ended = r
	})
	wantRefusal(t, "delete", w.Delete(device("dev"), AnyETag), 0)
	wantRefusal(t, "the client's end", ended, broker.DeviceNotFound)
	for _, id := range []broker.ID{device("dev"), module("dev", "mod")} {
		_, refused := w.Get(id)
		wantRefusal(t, "get", refused, broker.DeviceNotFound)
		if _, ok := w.Bearer(id); ok {
			t.Errorf("%s still speaks for itself", id)
		}
	}
	if ids := w.WithThumbprint(strings.Repeat("ab", 20)); ids != nil {
		t.Errorf("the thumbprint is still that of %v", ids)
	}
	if total, disabled := w.Count(); total != 1 || disabled != 0 {
		t.Errorf("%d devices, %d disabled, want 1 and none", total, disabled)
	}
	after := w.create(Identity{ID: device("dev")})
	if after.Generation <= before.Generation || after.Revision <= before.Revision || len(w.broker.Pending("dev")) > 0 {
		t.Errorf("%+v after %+v, pending %q", after, before, w.broker.Pending("dev"))
	}
	if list := w.Alike("none"); list != nil {
		t.Errorf("%q are like nobody", list)
	}
	if list, refused := w.Modules("dev"); len(list) > 0 || refused != nil {
		t.Errorf("modules %v, %v, want none", list, refused)
	}
}

// TestBearer checks whose credentials count, and who may not act at all.
func TestBearer(t *testing.T) {
	t.Parallel()
	w := start(t, nil, Device{ID: "dev"}, Device{ID: "off"})
	w.create(Identity{ID: module("dev", "mod")})
	w.create(Identity{ID: module("off", "mod"), Disabled: true}) // it has no status of its own
	w.update(Identity{ID: module("dev", "mod"), Disabled: true}, AnyETag)
	w.update(Identity{ID: device("off"), Disabled: true}, AnyETag)
	for _, test := range []struct {
		id      broker.ID
		bearer  broker.ID
		refused broker.Code
	}{
		{device("dev"), device("dev"), 0},
		{module("dev", "mod"), module("dev", "mod"), 0},
		{module("dev", "unknown"), device("dev"), 0},
		{device("off"), device("off"), broker.Unauthorized},
		{module("off", "mod"), module("off", "mod"), broker.Unauthorized},
		{module("off", "unknown"), device("off"), broker.Unauthorized},
		{device("DEV"), broker.ID{}, broker.DeviceNotFound},
		{module("none", "mod"), broker.ID{}, broker.DeviceNotFound},
	} {
		if i, ok := w.Bearer(test.id); i.ID != test.bearer || ok != (test.bearer != broker.ID{}) {
			t.Errorf("%s: %s speaks for it, %v, want %s", test.id, i.ID, ok, test.bearer)
		}
		wantRefusal(t, test.id.String(), w.Refuse(test.id), test.refused)
	}
	if total, disabled := w.Count(); total != 2 || disabled != 1 {
		t.Errorf("%d devices, %d disabled, want 2 and 1", total, disabled)
	}
}

// TestAlike finds ids that differ in case.
func TestAlike(t *testing.T) {
	t.Parallel()
	w := start(t, nil, Device{ID: "dev"}, Device{ID: "Dev"}, Device{ID: "dev1"})
	if got, want := w.Alike("DEV"), []string{"Dev", "dev"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	wantRefusal(t, "delete", w.Delete(device("Dev"), AnyETag), 0)
	if got, want := w.Alike("DEV"), []string{"dev"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestBulk carries out what it can.
func TestBulk(t *testing.T) {
	t.Parallel()
	w := start(t, nil, Device{ID: "dev"}, Device{ID: "old"}, Device{ID: "older"})
	dev, _ := w.Get(device("dev"))
	old, _ := w.Get(device("old"))
	var got []string
	for _, o := range []Operation{
		{CreateMode, Identity{ID: device("new")}},
		{CreateMode, Identity{ID: device("dev")}},
		{CreateMode, Identity{ID: module("new", "mod")}},
		{UpdateIfMatchMode, Identity{ID: device("dev"), ETag: dev.ETag, StatusReason: "first"}},
		{UpdateIfMatchMode, Identity{ID: device("dev"), ETag: dev.ETag, StatusReason: "second"}},
		{UpdateMode, Identity{ID: device("new"), ETag: "whatever", Disabled: true}},
		{UpdateMode, Identity{ID: device("none")}},
		{DeleteIfMatchMode, Identity{ID: device("old"), ETag: "other"}},
		{DeleteIfMatchMode, Identity{ID: device("old"), ETag: old.ETag}},
		{DeleteMode, Identity{ID: device("older"), ETag: "whatever"}},
		{CreateOrUpdateMode, Identity{ID: device("one")}},
		{CreateOrUpdateMode, Identity{ID: device("one"), StatusReason: "changed"}},
		{CreateOrUpdateIfMatchMode, Identity{ID: device("one"), ETag: "other"}},
		{CreateOrUpdateIfMatchMode, Identity{ID: device("two"), ETag: "other"}},
	} {
		if refused := w.Apply(o); refused != nil {
			got = append(got, fmt.Sprint(o.ID, " ", int(refused.Code)))
		}
	}
	want := []string{"dev 409001", "dev 412001", "none 404001", "old 412001", "one 412001"}
	if !slices.Equal(got, want) {
		t.Errorf("failed %q, want %q", got, want)
	}
	var left []string
	for _, i := range w.List("", 100) {
		left = append(left, fmt.Sprint(i.ID, " ", i.Disabled, " ", i.StatusReason))
	}
	want = []string{"dev false first", "new true ", "one false changed", "two false "}
	if !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
}

// TestLists reads devices page by page, and modules.
func TestLists(t *testing.T) {
	t.Parallel()
	w := start(t, nil, Device{ID: "c"}, Device{ID: "a"})
	for _, id := range []string{"e", "b", "d"} {
		w.create(Identity{ID: device(id)})
	}
	for _, id := range []string{"z", "y"} {
		w.create(Identity{ID: module("b", id)})
	}
	w.update(Identity{ID: device("d"), Disabled: true}, AnyETag)
	names := func(list []Identity) (s string) {
		for _, i := range list {
			s += i.ID.Device + i.ID.Module
		}
		return s
	}
	for _, test := range []struct {
		after string
		limit int
		want  string
	}{
		{"", 10, "abcde"}, {"", 2, "ab"}, {"b", 2, "cd"}, {"bb", 2, "cd"}, {"d", 5, "e"}, {"e", 5, ""}, {"z", 5, ""}, {"", 0, ""},
	} {
		if got := names(w.List(test.after, test.limit)); got != test.want {
			t.Errorf("%d after %q: %q, want %q", test.limit, test.after, got, test.want)
		}
	}
	list, _ := w.Modules("b")
	if got := names(list); got != "bybz" {
		t.Errorf("modules %q, want y and z of b", got)
	}
	_, refused := w.Modules("none")
	wantRefusal(t, "modules of nobody", refused, broker.DeviceNotFound)
	if total, disabled := w.Count(); total != 5 || disabled != 1 {
		t.Errorf("%d devices, %d disabled, want 5 and 1", total, disabled)
	}
	wantRefusal(t, "delete", w.Delete(module("b", "y"), AnyETag), 0)
	wantRefusal(t, "delete", w.Delete(device("c"), AnyETag), 0)
	if list, _ = w.Modules("b"); names(list) != "bz" || names(w.List("", 10)) != "abde" {
		t.Errorf("left are %q and %q", names(list), names(w.List("", 10)))
	}
}

// TestCheck tells what is wrong with the devices of a hub's settings.
func TestCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		devices []Device
		want    string
	}{
		{[]Device{{ID: "käse #1"}, {ID: "Käse #1"}}, ""},
		{[]Device{{ID: ""}}, `device "": this is no device id`},
		{[]Device{{ID: "a/modules/b"}}, `device "a/modules/b": this is no device id`},
		{[]Device{{ID: "a"}, {ID: "a"}}, `device "a": it is registered twice`},
		{[]Device{{ID: "a", Thumbprints: []string{"x"}}}, `device "a": thumbprint "x" is not a SHA-1 or SHA-256 hash in hex`},
	} {
		got := ""
		if err := Check(test.devices); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%v: %q, want %q", test.devices, got, test.want)
		}
	}
	b, err := broker.New(broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Broker: b, Devices: []Device{{}}}); err == nil {
		t.Error("a registry with a device that is none")
	}
}

// TestThumbprintOfSeveral finds all who may log in with a certificate.
func TestThumbprintOfSeveral(t *testing.T) {
	t.Parallel()
	const hash = "00112233445566778899aabbccddeeff00112233"
	w := start(t, nil, Device{ID: "a", Thumbprints: []string{strings.ToUpper(hash)}}, Device{ID: "b", Thumbprints: []string{"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33"}})
	if got, want := w.WithThumbprint(hash), []broker.ID{device("a"), device("b")}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	w.update(Identity{ID: device("a"), Authentication: Authentication{Type: SAS}}, AnyETag)
	if got, want := w.WithThumbprint(hash), []broker.ID{device("b")}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	i, _ := w.Get(device("b"))
	if a := i.Authentication; !a.Accepts(strings.ToUpper(hash)) || a.Accepts("00") || !a.TrustsAuthority() {
		t.Errorf("%+v does not accept its thumbprint", a)
	}
}
