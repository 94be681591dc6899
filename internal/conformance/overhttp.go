package conformance

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"iothub-c2d/internal/iothub"
)

// httpExperiments are about what devices see over HTTP.
var httpExperiments = []experiment{{
	needs: service | device, sends: 2, try: tryHTTP,
	beliefs: []Belief{
		{Name: "by HTTP an empty queue is answered with 204", Source: docREST + "device", Local: "204"},
		{Name: "by HTTP a device displaces no receiver", Source: Inference, Choice: "By HTTP, a device competes with receivers over other protocols and displaces none.", Local: "it stays attached"},
		{Name: "by HTTP a lock of 301 s cannot be asked for", Source: Inference, Choice: "It may ask for a lock of 1 to 300 s.", Local: "400 ArgumentInvalid"},
		{Name: "by HTTP a message carries its id and its lock in headers", Source: "the Node and C SDKs read them", Local: "200, iothub-messageid, ETag in quotes"},
		{
			Name: "by HTTP what is not ASCII is percent-encoded", Source: Inference,
			Choice: "A text that holds anything but printable ASCII is percent-encoded in a header.", Local: "%C3%A4",
		},
		{Name: "by HTTP times are in ISO 8601", Source: docREST + "device", Choice: "Times are in ISO 8601.", Local: "ISO 8601"},
		{Name: "by HTTP a message is abandoned by POST, and counts as delivered", Source: docREST + "device", Local: "204, then delivery count 1"},
		{Name: "by HTTP a message is completed by DELETE", Source: docREST + "device", Local: "204, Success"},
		{Name: "by HTTP a lock that is over is refused", Source: docErrors, Local: "412 DeviceMessageLockLost"},
		{Name: "by HTTP a message is rejected by DELETE with reject", Source: docREST + "device", Local: "204, Rejected"},
	},
}}

const httpInbox = "/messages/devicebound"

var iso8601 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`)

func tryHTTP(ctx context.Context, t *trial) {
	t.saw(t.deviceCall(ctx, http.MethodGet, httpInbox, nil).text())
	l := t.receiver(ctx)
	m := t.message("completed", iothub.AckFull)
	m.Properties = map[string]any{"name": "ä"}
	t.put(ctx, m, t.message("rejected", iothub.AckFull))
	get := func() answer { return t.deviceCall(ctx, http.MethodGet, httpInbox, nil) }
	lockOf := func(a answer) string { return httpInbox + "/" + strings.Trim(a.header.Get("ETag"), `"`) }
	first := get()
	t.saw(l.fate(ctx, t.figures.Silence))
	long := t.deviceCall(ctx, http.MethodGet, httpInbox, map[string]string{"IotHub-MessageLockTimeout": "301"})
	t.saw(long.text())
	if long.status == http.StatusOK {
		t.deviceCall(ctx, http.MethodPost, lockOf(long)+"/abandon", nil)
	}
	t.saw(headersOf(first, m.ID))
	t.saw(first.header.Get("iothub-app-name"))
	if at := first.header.Get("iothub-enqueuedtime"); iso8601.MatchString(at) {
		t.saw("ISO 8601")
	} else {
		t.saw(at)
	}
	abandoned := t.deviceCall(ctx, http.MethodPost, lockOf(first)+"/abandon", nil).text()
	second := get()
	t.sawf("%s, then delivery count %s", abandoned, second.header.Get("iothub-deliverycount"))
	completed := t.deviceCall(ctx, http.MethodDelete, lockOf(second), nil).text()
	t.sawf("%s, %s", completed, t.report(ctx, "completed"))
	t.saw(t.deviceCall(ctx, http.MethodDelete, lockOf(second), nil).text())
	rejected := t.deviceCall(ctx, http.MethodDelete, lockOf(get())+"?reject", nil).text()
	t.sawf("%s, %s", rejected, t.report(ctx, "rejected"))
}

// headersOf says which headers a message has, of those that all clients read.
func headersOf(a answer, id string) string {
	text := a.text()
	if a.header.Get("iothub-messageid") == id {
		text += ", iothub-messageid"
	}
	switch etag := a.header.Get("ETag"); {
	case len(etag) > 1 && etag[0] == '"':
		text += ", ETag in quotes"
	case etag != "":
		text += ", ETag without quotes"
	}
	return text
}
