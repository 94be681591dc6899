package registry

import (
	"slices"
	"strings"
	"testing"

	"iothub-c2d/internal/localhub/broker"
)

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
