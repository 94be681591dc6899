package localhub

import (
	"net/url"
	"strings"
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
	target identity // of a device's endpoints
}

// identity names a device or one of its modules. Ids are case-sensitive.
type identity struct{ device, module string }

func (id identity) String() string {
	if id.module == "" {
		return id.device
	}
	return id.device + "/" + id.module
}

// path returns the path below the hub's name that a token must cover to act
// for id.
func (id identity) path() string {
	if id.module == "" {
		return "/devices/" + id.device
	}
	return "/devices/" + id.device + "/modules/" + id.module
}

// parseEndpoint understands an address in all the forms that the SDKs send:
// a path, with or without the leading slash, or an absolute URI; keywords in
// any case; ids percent-encoded or raw.
func parseEndpoint(address string) endpoint {
	if address == "$cbs" {
		return endpoint{kind: cbsEndpoint}
	}
	path := splitAddress(address)
	switch {
	case path.is("messages", "devicebound"):
		return endpoint{kind: c2dEndpoint}
	case path.is("messages", "servicebound", "feedback"):
		return endpoint{kind: feedbackEndpoint}
	case path.is("messages", "servicebound", "filenotifications"):
		return endpoint{kind: foreignEndpoint}
	}
	id, rest, ok := path.identity()
	switch {
	case !ok:
		return endpoint{}
	case rest.is("messages", "devicebound"):
		return endpoint{kind: receiveEndpoint, target: id}
	case rest.is("messages", "events"):
		return endpoint{kind: telemetryEndpoint, target: id}
	case rest.is("twin"):
		return endpoint{kind: twinEndpoint, target: id}
	case rest.is("methods", "devicebound"):
		return endpoint{kind: methodsEndpoint, target: id}
	}
	return endpoint{}
}

// parseRecipient understands the to property of a cloud-to-device message.
func parseRecipient(to string) (identity, bool) {
	id, rest, ok := splitAddress(to).identity()
	return id, ok && rest.is("messages", "devicebound")
}

// segments are the parts of an address between slashes, decoded.
type segments []string

func splitAddress(address string) segments {
	if _, after, ok := strings.Cut(address, "://"); ok {
		_, address, _ = strings.Cut(after, "/")
	}
	path := strings.Split(strings.TrimPrefix(address, "/"), "/")
	for i, s := range path {
		// A plus stays a plus: ids have no spaces, and not every SDK encodes. What
		// is not valid encoding was not encoded: "%" is legal in an id.
		if decoded, err := url.PathUnescape(s); err == nil {
			path[i] = decoded
		}
	}
	return path
}

func (s segments) is(keywords ...string) bool {
	if len(s) != len(keywords) {
		return false
	}
	for i := range s {
		if !strings.EqualFold(s[i], keywords[i]) {
			return false
		}
	}
	return true
}

// identity takes devices/{id}, and modules/{id} if it follows, off the front.
func (s segments) identity() (id identity, rest segments, ok bool) {
	if len(s) < 2 || !s[:1].is("devices") || s[1] == "" {
		return identity{}, nil, false
	}
	id.device, rest = s[1], s[2:]
	if len(rest) >= 2 && rest[:1].is("modules") && rest[1] != "" {
		id.module, rest = rest[1], rest[2:]
	}
	return id, rest, true
}
