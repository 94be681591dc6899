package amqpfront

import (
	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/address"
	"iothub-c2d/internal/localhub/broker"
)

// endpointKind is what stands behind a link address.
type endpointKind int

const (
	unknownEndpoint   endpointKind = iota
	cbsEndpoint                    // $cbs: authentication
	c2dEndpoint                    // the back end sends messages to devices
	feedbackEndpoint               // the back end receives delivery feedback
	receiveEndpoint                // a device receives its messages
	telemetryEndpoint              // a device sends telemetry
	twinEndpoint                   // a device asks about its twin, and is answered
	methodsEndpoint                // a device is called, and answers
	foreignEndpoint                // IoT Hub has it, this hub does not
)

// endpoint is a link address that has been understood.
type endpoint struct {
	kind   endpointKind
	target broker.ID // of a device's endpoints
}

// parseEndpoint understands an address in all the forms that the SDKs send:
// a path, with or without the leading slash, or an absolute URI; keywords in
// any case; ids percent-encoded or raw.
func parseEndpoint(text string) endpoint {
	if text == "$cbs" {
		return endpoint{kind: cbsEndpoint}
	}
	path := address.Split(text)
	switch {
	case path.Is("messages", "devicebound"):
		return endpoint{kind: c2dEndpoint}
	case path.Is("messages", "servicebound", "feedback"):
		return endpoint{kind: feedbackEndpoint}
	case path.Is("messages", "servicebound", "filenotifications"):
		return endpoint{kind: foreignEndpoint}
	}
	id, rest, ok := path.Identity()
	switch {
	case !ok:
		return endpoint{}
	case rest.Is("messages", "devicebound"):
		return endpoint{kind: receiveEndpoint, target: id}
	case rest.Is("messages", "events"):
		return endpoint{kind: telemetryEndpoint, target: id}
	case rest.Is("twin"):
		return endpoint{kind: twinEndpoint, target: id}
	case rest.Is("methods", "devicebound"):
		return endpoint{kind: methodsEndpoint, target: id}
	}
	return endpoint{}
}

// need returns the permission that a link to the endpoint lives by.
func (e endpoint) need() access.Need {
	switch e.kind {
	case c2dEndpoint:
		return access.Need{Permission: access.ServiceConnect, Endpoint: address.DeviceBound}
	case feedbackEndpoint:
		return access.Need{Permission: access.ServiceConnect, Endpoint: address.Feedback}
	case receiveEndpoint:
		return access.Need{Permission: access.DeviceConnect, Of: e.target, Endpoint: address.DeviceBound}
	case telemetryEndpoint:
		return access.Need{Permission: access.DeviceConnect, Of: e.target, Endpoint: address.Events}
	case twinEndpoint:
		return access.Need{Permission: access.DeviceConnect, Of: e.target, Endpoint: address.Twin}
	case methodsEndpoint:
		return access.Need{Permission: access.DeviceConnect, Of: e.target, Endpoint: address.Methods}
	}
	return access.Need{}
}

// serves reports whether links of the given direction make sense.
func (e endpoint) serves(clientSends bool) bool {
	switch e.kind {
	case cbsEndpoint, twinEndpoint, methodsEndpoint:
		return true
	case c2dEndpoint, telemetryEndpoint:
		return clientSends
	}
	return !clientSends
}
