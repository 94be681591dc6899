package mqttfront

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/registry"
	"iothub-c2d/internal/mqttwire"
)

// TestConnect connects in every way that SDKs do, and in others.
func TestConnect(t *testing.T) {
	t.Parallel()
	type change = func(*mqttwire.Connect)
	username := func(name string) change { return func(p *mqttwire.Connect) { p.Username = new(name) } }
	password := func(resource, policy string, life time.Duration) change {
		return func(p *mqttwire.Connect) { p.Password = token(resource, policy, life) }
	}
	will := func(topic string, qos mqttwire.QoS) change {
		return func(p *mqttwire.Connect) { p.Will = &mqttwire.Will{Topic: topic, QoS: qos, Retain: true} }
	}
	const device = testHost + "/devices/dev1"
	for _, test := range []struct {
		name, id string
		change   change
		want     mqttwire.ConnectCode
		reason   string
	}{
		{"Node", "dev1", nil, mqttwire.Accepted, ""},
		{"Python", "dev1", username(testHost + "/dev1/?api-version=2019-10-01&DeviceClientType=py-azure-iot-device%2F2.14.0"), mqttwire.Accepted, ""},
		{"a model", "dev1", username(testHost + "/dev1/?api-version=2020-09-30&model-id=dtmi%3Acom%3Ax%3B1&auth-chain="), mqttwire.Accepted, ""},
		{"amenzhinsky", "dev1", func(p *mqttwire.Connect) {
			*p = *changed("dev1", username(testHost+"/dev1/api-version=2020-09-30"))
			p.CleanSession, p.Password = true, token(testHost, "", time.Hour)
		}, mqttwire.Accepted, ""},
		{"no version", "dev1", username(testHost + "/dev1"), mqttwire.Accepted, ""},
		{"no version, slash", "dev1", username(testHost + "/dev1/"), mqttwire.Accepted, ""},
		{"version of the future", "dev1", username(testHost + "/dev1/?api-version=2099-01-01"), mqttwire.Accepted, ""},
		{"another host", "dev1", username("gateway.local/dev1/?api-version=1"), mqttwire.Accepted, ""},
		{"odd id", "a.b:c", nil, mqttwire.Accepted, ""},
		{"module", "dev1/mod1", nil, mqttwire.Accepted, ""},
		{"module, token of the device", "dev1/mod1", password(device, "", time.Hour), mqttwire.Accepted, ""},
		{"token of the documents", "dev1", password(device+"/api-version=2016-11-14", "", time.Hour), mqttwire.Accepted, ""},
		{"device policy", "dev1", password(testHost, "device", time.Hour), mqttwire.Accepted, ""},
		{"clock is late", "dev1", password(device, "", -4*time.Minute), mqttwire.Accepted, ""},
		{"will", "dev1", will(events, 1), mqttwire.Accepted, ""},
		{"will with properties", "dev1", will(events+"a=b", 0), mqttwire.Accepted, ""},

		{"no id", "dev1", func(p *mqttwire.Connect) { p.ClientID = "" }, mqttwire.BadClientID, "neither DEVICE nor"},
		{"no module", "dev1/", nil, mqttwire.BadClientID, "neither DEVICE nor"},
		{"no device", "/mod1", nil, mqttwire.BadClientID, "neither DEVICE nor"},
		{"too many names", "dev1/mod1/x", nil, mqttwire.BadClientID, "neither DEVICE nor"},
		{"wildcard", "dev+1", nil, mqttwire.BadClientID, "which MQTT cannot have"},
		{"no user name", "dev1", func(p *mqttwire.Connect) { p.Username, p.Password = nil, nil }, mqttwire.BadUsername, "no user name"},
		{"host only", "dev1", username(testHost), mqttwire.BadUsername, "is not HOST/dev1/?"},
		{"another device", "dev1", username(testHost + "/dev2/?api-version=1"), mqttwire.BadUsername, "is not HOST/dev1/?"},
		{"longer id", "dev1", username(testHost + "/dev12/?api-version=1"), mqttwire.BadUsername, "is not HOST/dev1/?"},
		{"module in the user name only", "dev1", username(testHost + "/dev1/mod1/?api-version=1"), mqttwire.BadUsername, "is not HOST/dev1/?"},
		{"long user name is cut", "dev1", username(strings.Repeat("x", 5000)), mqttwire.BadUsername, "xxx…"},
		{"token of another device", "dev1", password(testHost+"/devices/dev2", "", time.Hour), mqttwire.NotAuthorized, "does not permit to be \"dev1\""},
		{"token of a module", "dev1", password(device+"/modules/mod1", "", time.Hour), mqttwire.NotAuthorized, "does not permit to be \"dev1\""},
		{"bad signature", "dev1", func(p *mqttwire.Connect) { p.Password = append(p.Password, "0"...) }, mqttwire.NotAuthorized, "signed with another key"},
		{"expired", "dev1", password(device, "", -6*time.Minute), mqttwire.NotAuthorized, "expired at"},
		{"unknown device", "nobody", nil, mqttwire.NotAuthorized, "Device nobody at IotHub"},
		{"unknown device, policy", "nobody", password(testHost, "device", time.Hour), mqttwire.NotAuthorized, "Device nobody at IotHub"},
		{"service policy", "dev1", password(testHost, "service", time.Hour), mqttwire.NotAuthorized, "does not permit to be"},
		{"no token", "dev1", func(p *mqttwire.Connect) { p.Password = mqttwire.Password("secret") }, mqttwire.NotAuthorized, "malformed"},
		{"no password", "dev1", func(p *mqttwire.Connect) { p.Password = nil }, mqttwire.NotAuthorized, "no password, and no certificate"},
		{"will of another", "dev1", will("devices/dev2/messages/events/", 0), mqttwire.NotAuthorized, "a will with QoS 0"},
		{"will with QoS 2", "dev1", will(events, 2), mqttwire.NotAuthorized, "a will with QoS 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, settings{}, func(t *testing.T, w *world) {
				p := hello(test.id)
				if test.change != nil {
					test.change(p)
				}
				c := w.connect()
				if got := *c.Connect(p); got != (mqttwire.ConnAck{Code: test.want}) {
					t.Fatalf("CONNACK %+v, want code %d", got, test.want)
				}
				if test.want == mqttwire.Accepted {
					c.WantAlive()
					if w.events(broker.EventToken, "200") != 1 {
						t.Errorf("told %+v, want one token taken", w.told)
					}
					return
				}
				start := time.Now()
				c.WantEnd()
				if waited := time.Since(start); waited > goodbye {
					t.Errorf("hung up after %v, want %v at most", waited, goodbye)
				}
				w.wantEnded(test.reason)
				w.wantEnded(fmt.Sprintf("code %d", test.want))
			})
		})
	}
}

// TestManyModules checks that one device more is refused than the hub has room
// for.
func TestManyModules(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		for i := range 51 {
			c := w.connect()
			want := mqttwire.Accepted
			if i == 50 {
				want = mqttwire.NotAuthorized
			}
			if got := c.Connect(hello(fmt.Sprint("dev1/mod", i))); got.Code != want {
				t.Errorf("module %d: CONNACK %+v, want code %d", i, got, want)
			}
		}
	})
}

// TestCertificates connects with certificates and no password.
func TestCertificates(t *testing.T) {
	t.Parallel()
	shown := &x509.Certificate{Raw: []byte("the certificate"), NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	hash := fmt.Sprintf("%x", sha256.Sum256(shown.Raw))
	s := settings{devices: []registry.Device{{ID: "bearer", Thumbprints: []string{hash}}}}
	withoutPassword := func(id string) *mqttwire.Connect {
		return changed(id, func(p *mqttwire.Connect) { p.Password = nil })
	}
	t.Run("registered", func(t *testing.T) {
		inWorld(t, s, func(t *testing.T, w *world) {
			c := w.connect(shown)
			w.wantIn(c, withoutPassword("bearer"), false)
			c.WantAlive()
		})
	})
	t.Run("another's", func(t *testing.T) {
		inWorld(t, s, func(t *testing.T, w *world) {
			if got := w.connect(shown).Connect(withoutPassword("dev1")); got.Code != mqttwire.NotAuthorized {
				t.Errorf("CONNACK %+v, want code 5", got)
			}
			w.cancel()
			w.wantEnded("The client certificate is for bearer.")
		})
	})
	t.Run("a password counts first", func(t *testing.T) {
		inWorld(t, s, func(t *testing.T, w *world) {
			p := changed("bearer", func(p *mqttwire.Connect) { p.Password = mqttwire.Password("no token") })
			if got := w.connect(shown).Connect(p); got.Code != mqttwire.NotAuthorized {
				t.Errorf("CONNACK %+v, want code 5", got)
			}
		})
	})
}

// TestVersions checks what clients of other versions are told.
func TestVersions(t *testing.T) {
	t.Parallel()
	for name, wire := range map[string]string{
		"MQTT 5":   "\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01d",
		"MQTT 3.1": "\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01d",
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, settings{}, func(t *testing.T, w *world) {
				c := w.connect()
				c.Write([]byte(wire))
				if got := <-c.In; *got.(*mqttwire.ConnAck) != (mqttwire.ConnAck{Code: mqttwire.BadVersion}) {
					t.Errorf("CONNACK %+v, want code 1", got)
				}
				c.WantEnd()
				w.wantEnded("is not MQTT 3.1.1")
			})
		})
	}
}
