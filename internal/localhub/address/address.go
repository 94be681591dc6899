// Package address understands the names that IoT Hub gives to its endpoints: the
// paths of links, of requests, of recipients and of tokens all name devices and
// modules in the same way. It imports the broker for their ids, and nothing else
// of this module.
package address

import (
	"net/url"
	"strings"

	"iothub-c2d/internal/localhub/broker"
)

// Where the endpoints of the back end are, and of a device below its own path. Case
// does not matter.
const (
	DeviceBound = "/messages/devicebound" // messages to devices: the back end's end, and each device's
	Feedback    = "/messages/servicebound/feedback"
	Events      = "/messages/events" // telemetry
	Twin        = "/twin"
	Methods     = "/methods/devicebound"
	Commands    = "/commands" // to purge the messages of a device
)

// Path is an address below the hub's name: its parts between slashes, decoded.
type Path []string

// Split takes an address to pieces, in all the forms that the SDKs send: with or
// without the leading slash, or as an absolute URI; percent-encoded or raw.
func Split(address string) Path {
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

// Is reports whether the path consists of the keywords, in any case.
func (p Path) Is(keywords ...string) bool {
	if len(p) != len(keywords) {
		return false
	}
	for i := range p {
		if !strings.EqualFold(p[i], keywords[i]) {
			return false
		}
	}
	return true
}

// Identity takes devices/{id}, and modules/{id} if it follows, off the front.
func (p Path) Identity() (id broker.ID, rest Path, ok bool) {
	if len(p) < 2 || !p[:1].Is("devices") || p[1] == "" {
		return broker.ID{}, nil, false
	}
	id.Device, rest = p[1], p[2:]
	if len(rest) >= 2 && rest[:1].Is("modules") && rest[1] != "" {
		id.Module, rest = rest[1], rest[2:]
	}
	return id, rest, true
}

// Recipient understands the to property of a cloud-to-device message.
func Recipient(to string) (broker.ID, bool) {
	id, rest, ok := Split(to).Identity()
	return id, ok && rest.Is("messages", "devicebound")
}
