package registry

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/sas"
)

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
				box.Enter(broker.Connection{Client: "test"}, func(r *broker.Refusal) { ended = r })
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
	box.Enter(broker.Connection{Client: "test"}, func(r *broker.Refusal) {
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
