package mqttfront

import (
	"strings"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/sas"
)

// systemPrefix begins the names of system properties. The dollar must be encoded:
// there are SDKs that look for these very characters, and some that drop what
// stands before the first of them.
const systemPrefix = "%24."

// bag returns the properties of a message as the last part of its topic:
// name=value, both percent-encoded, with & between. A property that is null has
// no equals sign. Source: Microsoft docs, iot-mqtt-connect-to-iot-hub.
func bag(m *broker.Message) string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+sas.Escape(value))
		}
	}
	add(systemPrefix+"mid", m.ID)
	add(systemPrefix+"to", m.To)
	add(systemPrefix+"cid", m.CorrelationID)
	add(systemPrefix+"uid", string(m.UserID))
	add(systemPrefix+"ct", m.ContentType)
	add(systemPrefix+"ce", m.ContentEncoding)
	add(systemPrefix+"exp", expiry(m.Expiry))
	add("iothub-ack", string(m.Ack))
	for _, p := range m.Properties {
		part := sas.Escape(p.Name)
		if !p.Null {
			part += "=" + sas.Escape(p.Value)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "&")
}

// expiry returns a time as .NET writes it, the only way in which the C# SDK takes
// it; empty if there is none.
func expiry(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(broker.TimestampLayout)
}
