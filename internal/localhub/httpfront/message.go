package httpfront

import (
	"cmp"
	"net/http"
	"strconv"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/sas"
)

// setHeader writes what is not the body of a message. The names are spelled as
// given: some clients read the sender's own names out of them.
func setHeader(h http.Header, d broker.Delivery) {
	m := d.Message
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.Itoa(len(m.Body)))
	h.Set("ETag", strconv.Quote(lockToken(d.Token)))
	set := func(name, value string) {
		if value != "" {
			h[name] = append(h[name], printable(value))
		}
	}
	set("iothub-messageid", m.ID)
	set("iothub-correlationid", m.CorrelationID)
	set("iothub-userid", string(m.UserID))
	set("iothub-to", m.To)
	set("iothub-ack", cmp.Or(string(m.Ack), string(broker.AckNone)))
	set("iothub-sequencenumber", strconv.FormatUint(d.Sequence, 10))
	set("iothub-enqueuedtime", d.Enqueued.UTC().Format(broker.TimestampLayout))
	set("iothub-deliverycount", strconv.Itoa(d.DeliveryCount))
	if !m.Expiry.IsZero() {
		set("iothub-expiry", m.Expiry.UTC().Format(broker.TimestampLayout))
	}
	set("ContentType", m.ContentType) // the C SDK and az read these two,
	set("ContentEncoding", m.ContentEncoding)
	set("iothub-contenttype", m.ContentType) // the Java SDK these
	set("iothub-contentencoding", m.ContentEncoding)
	for _, p := range m.Properties {
		h["iothub-app-"+p.Name] = append(h["iothub-app-"+p.Name], printable(p.Value))
	}
}

// printable returns a text as a header can have it: in percent encoding if it holds
// anything but printable ASCII.
func printable(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return sas.Escape(s)
		}
	}
	return s
}
