package mqttfront

import (
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
)

// The fuzz targets play a client that sends anything at all. The hub must not
// panic, must let go of the connection, must go on serving another, and must
// have every message in one place.

// attack sends hostile bytes in a bubble, where a goroutine that does not end
// fails the test. m1 to m3 are for dev1.
func attack(t *testing.T, hostile []byte, prepare func(w *world) *rawclient.Client) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{})
		other := w.connect()
		w.wantIn(other, hello("dev2"), false)
		other.Subscribe(mqttwire.AtLeastOnce, "devices/dev2/messages/devicebound/#")
		w.enqueue("m1", "m2", "m3")
		c := prepare(w)
		c.Write(hostile)
		c.HangUp()
		w.put(broker.ID{Device: "dev2"}, &broker.Message{ID: "m", To: "t"})
		rawclient.Want[*mqttwire.Publish](other)
		time.Sleep(goodbye)
		synctest.Wait()
		w.mu.Lock()
		ended := len(w.ended)
		w.mu.Unlock()
		if ended != 1 {
			t.Errorf("%d connections have ended, want the one", ended)
		}
		completed := len(w.feedback())
		if waiting := w.mailbox(dev1).Len(); waiting+completed != 3 {
			t.Errorf("%d messages wait, %d are complete, want 3 in all", waiting, completed)
		}
	})
}

// FuzzBeforeLogin attacks from the first byte.
func FuzzBeforeLogin(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x10"))
	for _, p := range []*mqttwire.Connect{
		{ClientID: "dev1", Username: new("h/dev1"), Password: mqttwire.Password("SharedAccessSignature sr=h&sig=YQ&se=1")},
		{ClientID: "dev1/mod1", CleanSession: true, Username: new("h/dev1/mod1/?api-version=1"), Password: token(testHost, "device", 1e6*time.Hour)},
		{ClientID: "dev1", Username: new("h/dev1/"), Password: token(testHost, "device", 1e6*time.Hour), Will: &mqttwire.Will{Topic: events}},
	} {
		f.Add(rawclient.Encode(f, p, &mqttwire.PingReq{}))
	}
	f.Fuzz(func(t *testing.T, hostile []byte) {
		attack(t, hostile, func(w *world) *rawclient.Client { return w.connect() })
	})
}

// FuzzLoggedIn attacks with two messages in the client's hands.
func FuzzLoggedIn(f *testing.F) {
	for _, packets := range [][]mqttwire.Packet{
		{&mqttwire.PubAck{ID: 1}, &mqttwire.PubAck{ID: 3}, &mqttwire.Disconnect{}},
		{&mqttwire.Subscribe{ID: 1, Filters: []mqttwire.Filter{{Topic: messages, QoS: 0}, {Topic: "#", QoS: 2}}}},
		{&mqttwire.Unsubscribe{ID: 1, Topics: []string{messages, "x"}}, &mqttwire.PingReq{}},
		{&mqttwire.Publish{QoS: 1, ID: 1, Topic: events + "a=b", Payload: []byte("x")}},
		{
			&mqttwire.Subscribe{ID: 2, Filters: []mqttwire.Filter{{Topic: "$iothub/twin/res/#"}}},
			&mqttwire.Publish{Topic: "$iothub/twin/GET/?$rid=1"}, &mqttwire.Publish{Topic: "$iothub/twin/PATCH/properties/reported/?$rid=1"},
		},
		{&mqttwire.Publish{Topic: "$iothub/methods/res/200/?$rid=1"}, &mqttwire.ConnAck{}},
		{&mqttwire.Connect{ClientID: "dev1"}},
		{&mqttwire.Publish{QoS: 2, ID: 1, Topic: events}},
	} {
		f.Add(rawclient.Encode(f, packets...))
	}
	f.Fuzz(func(t *testing.T, hostile []byte) {
		attack(t, hostile, func(w *world) *rawclient.Client {
			sessionOf(w.mailbox(dev1)).lastID = 0 // so that the fuzzer can guess
			c := w.subscribed(mqttwire.AtLeastOnce)
			for _, id := range []string{"m1", "m2", "m3"} {
				wantMessage(c, id, false)
			}
			return c
		})
	})
}
