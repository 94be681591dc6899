package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/registry"
	"iothub-c2d/internal/sas"
)

// registryOf returns a registry with the devices.
func registryOf(t testing.TB, devices ...registry.Device) *registry.Registry {
	t.Helper()
	b, err := broker.New(broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	r, err := registry.New(registry.Options{Broker: b, HostName: testHost, Devices: devices, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// controlOf returns the control of a hub with the devices.
func controlOf(t *testing.T, devices ...registry.Device) *Control {
	t.Helper()
	return New(Options{HostNames: []string{testHost}, Policies: DefaultPolicies(), Registry: registryOf(t, devices...)})
}

func device(id string) broker.ID         { return broker.ID{Device: id} }
func module(id, module string) broker.ID { return broker.ID{Device: id, Module: module} }
func toBe(id broker.ID) Need             { return Need{Permission: DeviceConnect, Of: id} }

// change updates an identity of the control's registry.
func change(t *testing.T, c *Control, i registry.Identity) {
	t.Helper()
	if _, refused := c.registry.Update(i, registry.AnyETag); refused != nil {
		t.Fatal(refused)
	}
}

func create(t *testing.T, c *Control, i registry.Identity) registry.Identity {
	t.Helper()
	i, refused := c.registry.Create(i)
	if refused != nil {
		t.Fatal(refused)
	}
	return i
}

// TestTwoKeys takes tokens that are signed with either key of an identity, and of
// no other.
func TestTwoKeys(t *testing.T) {
	t.Parallel()
	c := controlOf(t, registry.Device{ID: "given", Key: sas.NewKey([]byte("first")), SecondaryKey: sas.NewKey([]byte("second"))})
	made := create(t, c, registry.Identity{ID: device("made")}).Authentication.Keys
	mod := create(t, c, registry.Identity{ID: module("made", "Mod")}).Authentication.Keys
	for _, test := range []struct {
		resource string
		key      sas.Key
		of       broker.ID // zero: it is refused
	}{
		{"/devices/given", sas.NewKey([]byte("first")), device("given")},
		{"/devices/given", sas.NewKey([]byte("second")), device("given")},
		{"/devices/given", sas.NewKey([]byte("third")), broker.ID{}},
		{"/devices/made", made[0], device("made")},
		{"/devices/made", made[1], device("made")},
		{"/devices/made", mod[0], broker.ID{}},
		{"/devices/made/modules/Mod", mod[0], module("made", "Mod")},
		{"/devices/made/modules/mod", mod[1], module("made", "Mod")},
		{"/devices/made/modules/Mod", made[0], broker.ID{}},
		{"/devices/made/modules/other", made[1], module("made", "other")},
	} {
		g, refused := c.Verify(signedBy(test.key, testHost+test.resource), broker.ID{})
		if taken := refused == nil; taken != (test.of != broker.ID{}) {
			t.Errorf("%s: refused %v", test.resource, refused)
		} else if taken && g.Until(toBe(test.of)).IsZero() {
			t.Errorf("%s does not permit to be %s", test.resource, test.of)
		}
	}
}

// TestTypes checks that an identity logs in with what its type says, and with
// nothing else that it may have.
func TestTypes(t *testing.T) {
	t.Parallel()
	root := newCertificate(t, "root", nil)
	cas := x509.NewCertPool()
	cas.AddCert(root.Certificate)
	own := newCertificate(t, "dev", root)
	for _, test := range []struct {
		give          registry.Authentication
		token, signed bool
		remark        string
	}{
		{registry.Authentication{Type: registry.SAS}, true, false, "is for dev, which logs in with something else"},
		{registry.Authentication{Type: registry.SelfSigned, Thumbprints: registry.Thumbprints(own.Raw)[1:]}, false, true, "is for dev."},
		{registry.Authentication{Type: registry.SelfSigned, Thumbprints: registry.Thumbprints(root.Raw)[:1]}, false, false, "is for dev, which logs in with something else"},
		{registry.Authentication{Type: registry.Authority}, false, true, "is for dev."},
		{registry.Authentication{Type: registry.None}, false, false, "is for dev, which logs in with something else"},
	} {
		t.Run(string(test.give.Type), func(t *testing.T) {
			t.Parallel()
			key := sas.NewKey([]byte("0123456789abcdef"))
			c := New(Options{HostNames: []string{testHost}, Registry: registryOf(t), ClientCAs: cas})
			test.give.Keys[1] = key
			create(t, c, registry.Identity{ID: device("dev"), Authentication: test.give})
			if _, refused := c.Verify(signedBy(key, testHost+"/devices/dev"), broker.ID{}); (refused == nil) != test.token {
				t.Errorf("token refused: %v, want good = %v", refused, test.token)
			}
			credential := c.Examine([]*x509.Certificate{own.Certificate})
			if good := !credential.Until(toBe(device("dev"))).IsZero(); good != test.signed {
				t.Errorf("certificate good: %v, want %v", good, test.signed)
			}
			if got := credential.Remark(); !strings.Contains(got, test.remark) {
				t.Errorf("remark %q, want %q", got, test.remark)
			}
		})
	}
}

// TestGrantsFollowTheRegistry changes the registry under grants and a certificate:
// they count again when they would be given again, tokens not before they are
// shown again.
func TestGrantsFollowTheRegistry(t *testing.T) {
	t.Parallel()
	own := newCertificate(t, "any", nil)
	c := controlOf(t, registry.Device{ID: "dev", Key: sas.NewKey([]byte("0123456789abcdef")), Thumbprints: registry.Thumbprints(own.Raw)[:1]})
	key := sas.NewKey([]byte("0123456789abcdef"))
	ownToken, refused := c.Verify(signedBy(key, testHost+"/devices/dev"), broker.ID{})
	if refused != nil {
		t.Fatal(refused)
	}
	policy, refused := c.Verify(handmade(testHost, "iothubowner"), broker.ID{})
	if refused != nil {
		t.Fatal(refused)
	}
	credential := c.Examine([]*x509.Certificate{own.Certificate})
	sasOf := registry.Authentication{Type: registry.SAS, Keys: [2]sas.Key{key, key}}
	printOf := registry.Authentication{Type: registry.SelfSigned, Thumbprints: registry.Thumbprints(own.Raw)}
	for _, step := range []struct {
		name                     string
		do                       func()
		own, policy, certificate bool
		why                      broker.Code // of the policy's
	}{
		{"at first", func() {}, true, true, true, 0},
		{"disabled", func() { change(t, c, registry.Identity{ID: device("dev"), Disabled: true}) }, false, false, false, broker.Unauthorized},
		{"enabled", func() { change(t, c, registry.Identity{ID: device("dev")}) }, false, true, true, 0},
		{"with keys", func() { change(t, c, registry.Identity{ID: device("dev"), Authentication: sasOf}) }, false, true, false, 0},
		{"with a certificate", func() { change(t, c, registry.Identity{ID: device("dev"), Authentication: printOf}) }, false, true, true, 0},
		{"another reason", func() { change(t, c, registry.Identity{ID: device("dev"), StatusReason: "x"}) }, false, true, true, 0},
		// Then the broker says that there is no such device.
		{"deleted", func() { _ = c.registry.Delete(device("dev"), registry.AnyETag) }, false, true, false, 0},
		{"made anew", func() { create(t, c, registry.Identity{ID: device("dev"), Authentication: sasOf}) }, false, true, false, 0},
	} {
		step.do()
		need := toBe(device("dev"))
		got := []bool{!ownToken.Until(need).IsZero(), !policy.Until(need).IsZero(), !credential.Until(need).IsZero()}
		if want := []bool{step.own, step.policy, step.certificate}; got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
			t.Errorf("%s: own token, policy, certificate permit: %v, want %v", step.name, got, want)
		}
		if refused := (Grants{policy}).Suspended(need); (refused == nil) != (step.why == 0) || refused != nil && refused.Code != step.why {
			t.Errorf("%s: the policy's token is suspended by %v, want %d", step.name, refused, step.why)
		}
		if policy.Until(Need{Permission: ServiceConnect}).IsZero() {
			t.Errorf("%s: the back end is not permitted any more", step.name)
		}
	}
	if refused := (Grants{ownToken}).Suspended(toBe(device("dev"))); refused == nil || refused.Message != "The credentials of dev have changed." {
		t.Errorf("the own token is suspended by %v", refused)
	}
	if refused := (Grants{ownToken}).Suspended(toBe(device("other"))); refused != nil {
		t.Errorf("a token that gives nothing is suspended by %v", refused)
	}
}

// TestDisabledDevicesAreRefused checks that no token and no certificate is taken,
// also for modules, and who is told why.
func TestDisabledDevicesAreRefused(t *testing.T) {
	t.Parallel()
	own := newCertificate(t, "any", nil)
	c := controlOf(t, registry.Device{ID: "dev", Key: sas.NewKey([]byte("key")), Thumbprints: registry.Thumbprints(own.Raw)[1:]})
	create(t, c, registry.Identity{ID: module("dev", "mod"), Authentication: registry.Authentication{
		Type: registry.SAS, Keys: [2]sas.Key{sas.NewKey([]byte("0123456789abcdef"))},
	}})
	change(t, c, registry.Identity{ID: device("dev"), Disabled: true, Authentication: registry.Authentication{
		Type: registry.SAS, Keys: [2]sas.Key{sas.NewKey([]byte("0123456789abcdef"))},
	}})
	for _, resource := range []string{"/devices/dev", "/devices/dev/modules/mod", "/devices/dev/modules/other"} {
		_, refused := c.Verify(signedBy(sas.NewKey([]byte("0123456789abcdef")), testHost+resource), broker.ID{})
		if refused == nil || refused.Code != broker.Unauthorized || refused.Message != "Device dev is disabled." {
			t.Errorf("%s: %v", resource, refused)
		}
		_, refused = c.Verify(signedBy(sas.NewKey([]byte("wrong")), testHost+resource), broker.ID{})
		if refused == nil || !strings.Contains(refused.Message, "another key") {
			t.Errorf("%s with a wrong key: %v", resource, refused)
		}
	}
	change(t, c, registry.Identity{ID: device("dev"), Disabled: true, Authentication: registry.Authentication{
		Type: registry.SelfSigned, Thumbprints: registry.Thumbprints(own.Raw),
	}})
	credential := c.Examine([]*x509.Certificate{own.Certificate})
	if !credential.Until(toBe(device("dev"))).IsZero() || !strings.Contains(credential.Remark(), "dev, which is disabled") {
		t.Errorf("a certificate is good, or the remark does not say why not: %q", credential.Remark())
	}
}

// certificate is one with its key.
type certificate struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// newCertificate returns a certificate for the name, signed by the CA, or a CA.
func newCertificate(t *testing.T, name string, ca *certificate) *certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: ca == nil,
	}
	signer := &certificate{template, key}
	if ca != nil {
		signer = ca
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.Certificate, key.Public(), signer.key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &certificate{parsed, key}
}
