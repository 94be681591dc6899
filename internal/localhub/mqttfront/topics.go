package mqttfront

import (
	"fmt"
	"strings"

	"iothub-c2d/internal/localhub/broker"
)

// The topics of IoT Hub. Ids stand in them as they are, not encoded. Source:
// Microsoft docs, iot-mqtt-connect-to-iot-hub, and the SDKs.
const (
	twinGet        = "$iothub/twin/GET/"
	twinPatch      = "$iothub/twin/PATCH/properties/reported/"
	twinResponse   = "$iothub/twin/res/"
	twinDesired    = "$iothub/twin/PATCH/properties/desired/"
	methodCall     = "$iothub/methods/POST/"
	methodResponse = "$iothub/methods/res/"
	allBelow       = "#"
)

// topics are those of one device or module.
type topics struct {
	base        string // of its own topics
	events      string // telemetry is sent to it, or below
	devicebound string // its messages come below
	module      bool
}

func topicsOf(id broker.ID) topics {
	base := strings.TrimPrefix(id.Path(), "/") + "/"
	return topics{base, base + "messages/events", base + "messages/devicebound/", id.Module != ""}
}

// bringsMessages reports whether a filter is for the messages of the device. For
// a module's, SDKs use either of two.
func (t topics) bringsMessages(filter string) bool {
	return filter == t.devicebound+allBelow || t.module && filter == t.base+allBelow
}

// knows reports whether a filter may be subscribed to. Nothing ever comes for
// some of them, but SDKs insist.
func (t topics) knows(filter string) bool {
	switch filter {
	case twinResponse + allBelow, twinDesired + allBelow, methodCall + allBelow:
		return true
	}
	return t.bringsMessages(filter) || t.module && filter == t.base+"inputs/"+allBelow
}

// isTelemetry reports whether the device sends telemetry to the topic. Its
// properties stand in the last part.
func (t topics) isTelemetry(topic string) bool {
	rest, ok := strings.CutPrefix(topic, t.events)
	return ok && (rest == "" || rest[0] == '/')
}

// splitRequest returns what is asked for, and the property that names the request,
// to be repeated in the response. The topic of a request, and of a response to
// one, ends in ?$rid=R, perhaps with more properties.
func splitRequest(topic string) (path, rid string, ok bool) {
	path, query, _ := strings.Cut(topic, "?")
	for property := range strings.SplitSeq(query, "&") {
		if strings.HasPrefix(property, "$rid=") {
			return path, property, true
		}
	}
	return "", "", false
}

// responseTopic returns where the response to a request goes.
func responseTopic(status int, rid string) string {
	return fmt.Sprintf("%s%d/?%s", twinResponse, status, rid)
}
