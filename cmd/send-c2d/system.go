package main

import (
	"fmt"
	"slices"
	"strings"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/value"
)

// place is where a system property is given.
type place struct{ flag, field string }

// hubs is the place of what only the hub sets.
var hubs = place{}

// systemProperties are the system properties of a message to a device, by the names
// that they have in IoT Hub's documents, in AMQP and in HTTP. As application
// properties they would mean nothing, or be overridden. Source: Microsoft docs,
// iot-hub-devguide-messages-construct and the REST API's receive device bound
// notification.
var systemProperties = map[string]place{
	"message-id":           {"--message-id", "messageId"},
	"iothub-messageid":     {"--message-id", "messageId"},
	"correlation-id":       {"--correlation-id", "correlationId"},
	"iothub-correlationid": {"--correlation-id", "correlationId"},
	"user-id":              {"--user-id", "userId"},
	"iothub-userid":        {"--user-id", "userId"},
	"content-type":         {"--content-type", "contentType"},
	"content-encoding":     {"--content-encoding", "contentEncoding"},
	"absolute-expiry-time": {"--expiry", "expiryTimeUtc"},
	"iothub-expiry":        {"--expiry", "expiryTimeUtc"},
	"to":                   {"--device-id", "deviceId"},
	"iothub-to":            {"--device-id", "deviceId"},
	iothub.AckProperty:     {"--ack", "ack"},

	"sequence-number":       hubs,
	"iothub-sequencenumber": hubs,
	"iothub-enqueuedtime":   hubs,
	"iothub-deliverycount":  hubs,
	"iothub-locktoken":      hubs,
}

// checkSystemProperty refuses a system property as application property. use
// returns the name of its own place.
func checkSystemProperty(name string, use func(place) string) (hint string, err error) {
	p, ok := systemProperties[strings.ToLower(name)]
	switch {
	case !ok:
		return "", nil
	case p == hubs:
		return "", fmt.Errorf("property %q is set by the hub alone", name)
	}
	return "use " + use(p), fmt.Errorf("property %q is a system property", name)
}

// acks are the ack modes that can be asked for.
var acks = []iothub.Ack{iothub.AckFull, iothub.AckPositive, iothub.AckNegative, iothub.AckNone}

func checkAck(name string, ack iothub.Ack) error {
	if !slices.Contains(acks, ack) {
		return fmt.Errorf("%s %q is not one of full, positive, negative, none", name, ack)
	}
	return nil
}

// isAck reports whether a property K=V is the ack mode.
func isAck(property string) bool {
	name, _, _ := strings.Cut(property, "=")
	return strings.EqualFold(name, iothub.AckProperty)
}

// adoptAck takes --property iothub-ack=MODE for --ack MODE, which it is in some of
// Microsoft's SDKs.
func (m *messageFlags) adoptAck() error {
	for _, p := range m.splitProperties() {
		_, text, ok := strings.Cut(p, "=")
		if !ok || !isAck(p) {
			continue
		}
		if err := checkAck("--property "+iothub.AckProperty, iothub.Ack(text)); err != nil {
			return console.Usage(err, "")
		}
		if m.given("ack") && text != string(m.ack) {
			return console.Usage(fmt.Errorf("--property %s says otherwise than ack mode %s", p, m.ack), "leave out one of them")
		}
		if err := m.set("ack", text); err != nil {
			return console.Usage(err, "")
		}
	}
	return nil
}

// adoptSystemProperties takes the property iothub-ack of a line for the ack mode, and
// refuses other system properties.
func adoptSystemProperties(m *iothub.Message) error {
	for _, name := range m.PropertyNames() {
		if strings.EqualFold(name, iothub.AckProperty) {
			ack := iothub.Ack(value.Text(m.Properties[name]))
			if err := checkAck(fmt.Sprintf("property %q", name), ack); err != nil {
				return err
			}
			if m.Ack != "" && m.Ack != ack {
				return fmt.Errorf("property %q is %s, and ack is %s", name, ack, m.Ack)
			}
			m.Ack = ack
			delete(m.Properties, name)
			continue
		}
		hint, err := checkSystemProperty(name, func(p place) string { return fmt.Sprintf("%q", p.field) })
		switch {
		case hint != "":
			return fmt.Errorf("%w: %s", err, hint)
		case err != nil:
			return err
		}
	}
	return nil
}
