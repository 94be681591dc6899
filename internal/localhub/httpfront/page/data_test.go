package page

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/localhub/broker"
)

const allDevices = 10_000

// TestTenThousandDevices checks pages and filters, and that each answer is small.
func TestTenThousandDevices(t *testing.T) {
	var ids []string
	for i := range allDevices {
		ids = append(ids, fmt.Sprintf("Device-%05d", i))
	}
	b := newBroker(t, broker.Options{}, ids...)
	send(t, b, "Device-00123", &broker.Message{})
	box, _ := b.Mailbox(broker.ID{Device: "Device-09999"})
	box.Enter(broker.Connection{Protocol: "MQTT", Transport: "mqtts", Client: "127.0.0.1:7"}, func(*broker.Refusal) {})
	url := serve(t, New(b, "myhub"))
	for _, test := range []struct {
		query          string
		matches, shown int
		first          string
	}{
		{"", allDevices, 50, "Device-00000"},
		{"limit=200&offset=9900", allDevices, 100, "Device-09900"},
		{"limit=0", allDevices, 0, ""},
		{"offset=2147483647", allDevices, 0, ""},
		{"text=device-0012", 10, 10, "Device-00120"},
		{"text=%2500", 0, 0, ""},
		{"show=messages", 1, 1, "Device-00123"},
		{"show=connected", 1, 1, "Device-09999"},
		{"show=connected&text=1", 0, 0, ""},
	} {
		var got devicesJSON
		getJSON(t, url+"/page/devices?"+test.query, &got)
		first := ""
		if len(got.Devices) > 0 {
			first = got.Devices[0].Device
		}
		if got.Matches != test.matches || len(got.Devices) != test.shown || first != test.first {
			t.Errorf("%s: %d of %d from %q, want %d of %d from %q", test.query, len(got.Devices), got.Matches, first, test.shown, test.matches, test.first)
		}
		if got.Total != allDevices || got.Connected != 1 || got.Messages != 1 || got.Hub != "myhub" {
			t.Errorf("%s: %d in all, %d connected, %d messages of %q", test.query, got.Total, got.Connected, got.Messages, got.Hub)
		}
	}
}

// TestManyConnections checks that a device with many of them is shown with a few.
func TestManyConnections(t *testing.T) {
	b := newBroker(t, broker.Options{})
	box, _ := b.Mailbox(broker.ID{Device: "dev1"})
	for i := range 1000 {
		box.Enter(broker.Connection{Protocol: "AMQP", Transport: "amqps", Client: fmt.Sprint(i)}, func(*broker.Refusal) {})
	}
	var got devicesJSON
	getJSON(t, serve(t, New(b, "myhub"))+"/page/devices", &got)
	if d := got.Devices[0]; len(d.Connections) != maxOver || d.More != 1000-maxOver {
		t.Errorf("%d connections and %d more, want %d of 1000", len(d.Connections), d.More, maxOver)
	}
}

// TestBoundsOfRequests checks what the page does not do.
func TestBoundsOfRequests(t *testing.T) {
	b := newBroker(t, broker.Options{})
	send(t, b, "dev1", &broker.Message{ID: "m"})
	url := serve(t, New(b, "myhub"))
	for path, want := range map[string]int{
		"devices?limit=201":                               400,
		"devices?limit=-1":                                400,
		"devices?limit=many":                              400,
		"devices?offset=-1":                               400,
		"devices?offset=9999999999":                       400,
		"devices?show=none":                               400,
		"devices?text=" + strings.Repeat("x", 301):        400,
		"messages":                                        400,
		"messages?device=none":                            404,
		"messages?device=dev1&module=none":                404,
		"messages?device=dev1&after=-1":                   400,
		"messages?device=dev1&after=x":                    400,
		"messages?device=dev1&limit=201":                  400,
		"messages?device=dev1&after=18446744073709551615": 200,
		"messages?device=dev1&limit=200":                  200,
		"feedback?device=dev1":                            400,
		"feedback?limit=200":                              200,
		"body?device=dev1&sequence=1":                     200,
		"body?device=dev1":                                404,
		"body?device=dev1&sequence=2":                     404,
		"body?device=none&sequence=1":                     404,
		"body?device=dev1&sequence=x":                     400,
		"body?sequence=1":                                 404, // there is no feedback
	} {
		if status, text, _ := get(t, url+"/page/"+path); status != want {
			t.Errorf("%.60s: %d %s, want %d", path, status, text, want)
		}
	}
	if b.QueueOf(broker.ID{Device: "dev1", Module: "none"}) != nil {
		t.Error("to look at a module has made it")
	}
}

// TestMessagesAreShown checks what is told of messages, and that bodies are told for
// themselves only. Nothing in a text can end the JSON, or be a tag to a browser that
// takes it for HTML.
func TestMessagesAreShown(t *testing.T) {
	b := newBroker(t, broker.Options{})
	const nasty = "</script><script>alert(1)</script>\x1b[2J\u2028\"\n"
	send(t, b, "dev1", &broker.Message{
		ID: "one", CorrelationID: nasty, To: "/devices/dev1/messages/devicebound", UserID: []byte{0xff}, ContentType: "text/html",
		ContentEncoding: "utf-8", Ack: broker.AckFull, Body: []byte("body " + nasty),
		Properties: []broker.Property{{Name: "color", Value: nasty}, {Name: "none", Null: true}},
	})
	send(t, b, "dev1", &broker.Message{ID: "two", Body: []byte{0xfe, 0xff}})
	box, _ := b.Mailbox(broker.ID{Device: "dev1"})
	d, _ := box.Take()
	url := serve(t, New(b, "myhub"))
	_, raw, _ := get(t, url+"/page/messages?device=dev1")
	for _, part := range []string{"<script>", "\x1b", "\u2028", "body "} {
		if strings.Contains(raw, part) {
			t.Errorf("the answer holds %q: %s", part, raw)
		}
	}
	var got queueJSON[messageJSON]
	getJSON(t, url+"/page/messages?device=dev1", &got)
	if len(got.Messages) != 2 || got.Total != 2 {
		t.Fatalf("%d messages of %d, want 2 of 2", len(got.Messages), got.Total)
	}
	one, two := got.Messages[0], got.Messages[1]
	switch {
	case one.ID != "one", one.CorrelationID != nasty, one.UserID != (text{"/w==", "base64"}), one.Size != len("body "+nasty), one.Ack != "full":
		t.Errorf("one: %+v", one)
	case len(one.Properties) != 2, *one.Properties[0].Value != nasty, one.Properties[1].Value != nil:
		t.Errorf("properties of one: %+v", one.Properties)
	case one.LockedUntil == nil, two.LockedUntil != nil, one.LockedUntil.Sub(got.Now) > time.Minute, one.Sequence != d.Sequence:
		t.Errorf("one is locked until %v, two until %v, at %v", one.LockedUntil, two.LockedUntil, got.Now)
	}
	var body text
	getJSON(t, url+"/page/body?device=dev1&sequence=1", &body)
	if body != (text{"body " + nasty, "utf8"}) {
		t.Errorf("the body of one: %+v", body)
	}
	getJSON(t, url+"/page/body?device=dev1&sequence=2", &body)
	if body != (text{"/v8=", "base64"}) {
		t.Errorf("the body of two: %+v", body)
	}
	getJSON(t, url+"/page/messages?device=dev1&after=1&limit=1", &got)
	if len(got.Messages) != 1 || got.Messages[0].ID != "two" || got.Total != 2 {
		t.Errorf("after the first: %+v", got)
	}
}

// TestLongMessagesAreCut checks that a row has the beginning of a message, whatever that
// holds, and that all of it comes with its body.
func TestLongMessagesAreCut(t *testing.T) {
	b := newBroker(t, broker.Options{})
	long := strings.Repeat("é\x01", 20_000)
	many := make([]broker.Property, 20_000)
	for i := range many {
		many[i] = broker.Property{Name: fmt.Sprint(i)}
	}
	for _, m := range []broker.Message{
		{ID: "plain", Properties: []broker.Property{{Name: "a", Value: strings.Repeat("v", 200)}}},
		{CorrelationID: long},
		{To: long},
		{ContentType: long},
		{ContentEncoding: long},
		{UserID: []byte(long)},
		{UserID: []byte("\xff" + long)},
		{Properties: []broker.Property{{Name: "a", Value: long}, {Name: long, Null: true}}},
		{Properties: many},
	} {
		send(t, b, "dev1", &m)
	}
	url := serve(t, New(b, "myhub"))
	_, raw, _ := get(t, url+"/page/messages?device=dev1")
	if most := 9 * 5000; len(raw) > most { // escapes take six bytes each
		t.Errorf("the answer has %d bytes, want %d at most", len(raw), most)
	}
	var got queueJSON[messageJSON]
	getJSON(t, url+"/page/messages?device=dev1", &got)
	for i, m := range got.Messages {
		if m.Cut != (i > 0) {
			t.Errorf("message %d is cut: %v", i, m.Cut)
		}
		var whole bodyJSON
		getJSON(t, fmt.Sprint(url, "/page/body?device=dev1&sequence=", m.Sequence), &whole)
		w := whole.Message
		if w == nil || w.Cut {
			t.Fatalf("message %d comes with its body as %+v", i, w)
		}
		n := len(w.CorrelationID) + len(w.To) + len(w.ContentType) + len(w.ContentEncoding) + len(w.UserID.Text)
		for _, p := range w.Properties {
			n += len(p.Name)
			if p.Value != nil {
				n += len(*p.Value)
			}
		}
		if n < len(long) && i > 0 {
			t.Errorf("of message %d there are %d bytes", i, n)
		}
	}
}

func TestFeedbackIsShown(t *testing.T) {
	b := newBroker(t, broker.Options{})
	box, _ := b.Mailbox(broker.ID{Device: "dev1"})
	for i, how := range []broker.Settlement{broker.Complete, broker.Reject} {
		send(t, b, "dev1", &broker.Message{ID: fmt.Sprint("m", i), Ack: broker.AckFull})
		d, _ := box.Take()
		if err := box.Settle(d.Token, how); err != nil {
			t.Fatal(err)
		}
	}
	url := serve(t, New(b, "myhub"))
	var got queueJSON[feedbackJSON]
	getJSON(t, url+"/page/feedback", &got)
	want := []recordJSON{{"m0", "dev1", "Success"}, {"m1", "dev1", "Rejected"}}
	if len(got.Messages) != 1 || !slices.Equal(got.Messages[0].Records, want) {
		t.Errorf("got %+v, want %+v", got.Messages, want)
	}
	var body text
	getJSON(t, fmt.Sprint(url, "/page/body?sequence=", got.Messages[0].Sequence), &body)
	if !strings.Contains(body.Text, `"originalMessageId":"m1"`) {
		t.Errorf("the body is %+v", body)
	}
	if status, _, _ := get(t, url+"/page/feedback"); status != http.StatusOK || b.Feedback().Len() != 1 {
		t.Error("to look at feedback has taken it")
	}
}
