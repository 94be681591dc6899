package registry

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

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

func device(id string) broker.ID { return broker.ID{Device: id} }

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
