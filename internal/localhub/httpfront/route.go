package httpfront

import (
	"net/http"
	"slices"
	"strings"

	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/address"
	"iothub-c2d/internal/localhub/broker"
)

// call is a request of the REST API that has been understood.
type call struct {
	*http.Request
	id   broker.ID // whom it is about; zero: all
	etag string    // of a message, if the path names one
}

// route is one operation of the REST API. Its path is one below the hub, or below a
// device or module.
type route struct {
	method     string
	path       string            // with * for the ETag of a message
	permission access.Permission // any of several will do
	endpoint   string            // that a token must cover, below the device or the hub
	serve      func(h *handler, w http.ResponseWriter, c *call) *broker.Refusal
}

func (r *route) need(c *call) access.Need {
	return access.Need{Permission: r.permission, Of: c.id, Endpoint: r.endpoint}
}

// The operations. Source: Microsoft docs, REST API of IoT Hub; the permissions:
// iot-hub-dev-guide-sas.
var (
	ofHub = []route{
		{http.MethodGet, "devices", access.RegistryRead, "/devices", (*handler).listDevices},
		{http.MethodPost, "devices", access.RegistryWrite, "/devices", (*handler).changeInBulk},
		{http.MethodPost, "devices/query", access.RegistryRead | access.ServiceConnect | access.TwinRead, "/devices", (*handler).query},
		{http.MethodGet, "statistics/devices", access.RegistryRead, "", (*handler).countDevices},
		{http.MethodGet, "statistics/service", access.RegistryRead, "", (*handler).countConnections},
	}
	ofTwins    = []route{{http.MethodGet, "", access.RegistryRead | access.ServiceConnect | access.TwinRead, "", (*handler).getTwin}}
	ofIdentity = []route{
		{http.MethodPut, "", access.RegistryWrite, "", (*handler).putIdentity},
		{http.MethodGet, "", access.RegistryRead, "", (*handler).getIdentity},
		{http.MethodDelete, "", access.RegistryWrite, "", (*handler).deleteIdentity},
		{http.MethodGet, "messages/devicebound", access.DeviceConnect, address.DeviceBound, (*handler).receive},
		{http.MethodDelete, "messages/devicebound/*", access.DeviceConnect, address.DeviceBound, (*handler).completeOrReject},
		{http.MethodPost, "messages/devicebound/*/abandon", access.DeviceConnect, address.DeviceBound, (*handler).abandon},
		{http.MethodPost, "messages/events", access.DeviceConnect, address.Events, (*handler).takeTelemetry},
	}
	ofDevice = []route{ // and of no module
		{http.MethodGet, "modules", access.RegistryRead, "", (*handler).listModules},
		{http.MethodDelete, "commands", access.ServiceConnect, address.Commands, (*handler).purge},
	}
)

// find returns the operation that a request is about, nil if there is none.
func find(r *http.Request, path address.Path) (*route, *call) {
	c := &call{Request: r}
	if route := c.match(ofHub, path); route != nil {
		return route, c
	}
	twins := len(path) > 0 && path[:1].Is("twins")
	if twins {
		path = append(address.Path{"devices"}, path[1:]...)
	}
	id, rest, ok := path.Identity()
	if !ok {
		return nil, nil
	}
	c.id = id
	if twins {
		return c.match(ofTwins, rest), c
	}
	route := c.match(ofIdentity, rest)
	if route == nil && id.Module == "" {
		route = c.match(ofDevice, rest)
	}
	return route, c
}

// match returns the operation that has the method and the path.
func (c *call) match(routes []route, path address.Path) *route {
	for i, r := range routes {
		if r.method == c.Method && c.fits(strings.FieldsFunc(r.path, func(c rune) bool { return c == '/' }), path) {
			return &routes[i]
		}
	}
	return nil
}

// fits reports whether a path has a pattern, and takes the ETag out of it.
func (c *call) fits(pattern []string, path address.Path) bool {
	if len(pattern) != len(path) {
		return false
	}
	keywords := slices.Clone(pattern)
	if at := slices.Index(pattern, "*"); at >= 0 {
		keywords[at], c.etag = path[at], path[at]
	}
	return path.Is(keywords...)
}
