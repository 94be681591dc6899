package mqttfront

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
)

// What a device and its back ends do in every test but the one that is about it.

// token is a token for a resource, which is given unencoded.
func token(resource, policy string, life time.Duration) mqttwire.Password {
	sr, se := url.QueryEscape(resource), fmt.Sprint(time.Now().Add(life).Unix())
	sig := base64.StdEncoding.EncodeToString(defaults.Key().Sign(sr + "\n" + se))
	text := "SharedAccessSignature sr=" + sr + "&sig=" + url.QueryEscape(sig) + "&se=" + se
	if policy != "" {
		text += "&skn=" + policy
	}
	return mqttwire.Password(text)
}

// hello is the CONNECT of a device or module, as Microsoft's SDKs send it.
func hello(id string) *mqttwire.Connect {
	path := broker.ID{}
	path.Device, path.Module, _ = strings.Cut(id, "/")
	return &mqttwire.Connect{
		ClientID: id, KeepAlive: 60, Username: new(testHost + "/" + id + "/?api-version=2021-04-12&DeviceClientType=test"),
		Password: token(testHost+path.Path(), "", time.Hour),
	}
}

// changed is hello with a change.
func changed(id string, change func(*mqttwire.Connect)) *mqttwire.Connect {
	p := hello(id)
	change(p)
	return p
}

// device returns a connected client of dev1. present says whether there must be a
// session.
func (w *world) device(present bool) *rawclient.Client {
	w.t.Helper()
	c := w.connect()
	w.wantIn(c, hello("dev1"), present)
	return c
}

// clean is device with a clean session.
func (w *world) clean() *rawclient.Client {
	w.t.Helper()
	c := w.connect()
	w.wantIn(c, changed("dev1", func(p *mqttwire.Connect) { p.CleanSession = true }), false)
	return c
}

// wantIn connects a client, which must be let in.
func (w *world) wantIn(c *rawclient.Client, p *mqttwire.Connect, present bool) {
	w.t.Helper()
	if got, want := *c.Connect(p), (mqttwire.ConnAck{SessionPresent: present}); got != want {
		w.t.Fatalf("CONNACK %+v, want %+v", got, want)
	}
}

// subscribed returns a connected client of dev1 that gets its messages, in a new
// session.
func (w *world) subscribed(qos mqttwire.QoS) *rawclient.Client {
	w.t.Helper()
	c := w.device(false)
	if got := c.Subscribe(qos, messages); got[0] != qos {
		w.t.Fatalf("granted %v, want %d", got, qos)
	}
	return c
}

// mailbox returns a device's mailbox.
func (w *world) mailbox(id broker.ID) *broker.Mailbox {
	w.t.Helper()
	m, refused := w.broker.Mailbox(id)
	if refused != nil {
		w.t.Fatal(refused)
	}
	return m
}

// enqueue puts messages for dev1 on its queue.
func (w *world) enqueue(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		w.put(dev1, &broker.Message{ID: id, To: "/devices/dev1/messages/devicebound", Ack: broker.AckFull, Body: []byte("body of " + id)})
	}
}

func (w *world) put(id broker.ID, m *broker.Message) {
	w.t.Helper()
	if err := w.mailbox(id).Put(m); err != nil {
		w.t.Fatal(err)
	}
}

// wantMessage returns the next packet, which must be the message of an id, sent
// with QoS 1, again or not.
func wantMessage(c *rawclient.Client, id string, again bool) *mqttwire.Publish {
	c.T.Helper()
	p := rawclient.Want[*mqttwire.Publish](c)
	if got := rawclient.MessageID(p); got != id || p.Dup != again || p.QoS != mqttwire.AtLeastOnce || p.Retain || string(p.Payload) != "body of "+id {
		c.T.Fatalf("the hub sent %+v, want message %s, again: %v", p, id, again)
	}
	return p
}

// idOf returns the id in the topic of a message.
// feedback returns what the back ends hear: the messages by id and status, in the
// order of their ends.
func (w *world) feedback() (got []string) {
	w.t.Helper()
	for {
		d, ok := w.broker.Feedback().Take()
		if !ok {
			return got
		}
		var records []broker.Record
		if err := json.Unmarshal(d.Message.Body, &records); err != nil {
			w.t.Fatal(err)
		}
		for _, r := range records {
			got = append(got, r.OriginalMessageID+" "+string(r.StatusCode))
		}
	}
}

func (w *world) wantFeedback(want ...string) {
	w.t.Helper()
	got := w.feedback()
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		w.t.Errorf("feedback %q, want %q", got, want)
	}
}
