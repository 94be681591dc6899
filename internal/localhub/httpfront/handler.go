package httpfront

import (
	"fmt"
	"net/http"
	"strings"

	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/address"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/httpfront/page"
)

// handler answers the requests of one client, one after another.
type handler struct {
	Options
	front   *Front
	client  Client
	outlive func() bool // lets the connection go on when the hub ends, to say goodbye

	credential *access.Credential // the client's certificate; nil before it is needed
}

// ServeHTTP answers a request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if text := h.foreign(r); text != "" {
		h.refuse(w, r, http.StatusForbidden, text)
		return
	}
	if asksForWebSocket(r) {
		h.serveWebSocket(w, r)
		return
	}
	if page.Owns(r) {
		h.servePage(w, r)
		return
	}
	path := pathOf(r)
	route, c := find(r, path)
	isREST := r.URL.Query().Has("api-version")
	switch {
	case route != nil:
		h.serve(w, route, c)
	case isREST:
		h.answerRefusal(w, r, broker.Refuse(broker.NotFound, "The local hub does not emulate %s %s.", r.Method, r.URL.Path))
	default:
		h.refuse(w, r, http.StatusNotFound, fmt.Sprintf(notFoundText, h.HostNames[0]))
	}
}

func (h *handler) servePage(w http.ResponseWriter, r *http.Request) {
	if text := page.Refuse(r); text != "" {
		h.refuse(w, r, http.StatusForbidden, text)
		return
	}
	h.front.page.ServeHTTP(w, r)
}

// pathOf takes the path of a request to pieces. Azure IoT Explorer encodes its
// slashes, too.
func pathOf(r *http.Request) address.Path {
	path := address.Split(strings.TrimSuffix(r.URL.EscapedPath(), "/"))
	if len(path) == 1 && strings.Contains(path[0], "/") {
		return address.Split(path[0])
	}
	return path
}

// serve carries out a call that is permitted.
func (h *handler) serve(w http.ResponseWriter, route *route, c *call) {
	r := c.Request
	refused := checkVersion(r)
	if refused == nil {
		refused = h.permit(r, route.need(c))
	}
	if limit := h.limitOf(route); refused == nil && limit != nil {
		refused = shape(r.Context(), limit)
	}
	if refused == nil { // nothing of the body has been read before
		release, ok := h.reserve(r)
		if !ok {
			h.refuse(w, r, http.StatusServiceUnavailable, noMemoryText)
			return
		}
		defer release()
		refused = route.serve(h, w, c)
	}
	if refused != nil {
		h.answerRefusal(w, r, refused)
	}
}

const noMemoryText = "The connections hold as much as they may: try again when others have ended."

const notFoundText = `This is a local stand-in for the Azure IoT Hub %q. On this address it
speaks AMQP 1.0 and MQTT 3.1.1, plain or over TLS, and over WebSocket at the path
` + websocketPath + `. Of the REST API it has

    the registry:        PUT, GET, DELETE /devices/{id} and /devices/{id}/modules/{id},
                         GET /devices/{id}/modules, GET and POST /devices,
                         POST /devices/query, GET /twins/{id}, GET /statistics/devices
                         and /statistics/service
    a device's messages: GET /devices/{id}/messages/devicebound, and what settles them;
                         POST /devices/{id}/messages/events
    their purge:         DELETE /devices/{id}/commands

A browser on its own machine sees at / what is in it.`

// refuse answers in plain text, and tells the log.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	http.Error(w, text, status)
	h.logRefusal(r, status, http.StatusText(status))
}

func (h *handler) logRefusal(r *http.Request, status int, reason string) {
	h.client.Log.Info("HTTP request refused", "method", r.Method, "path", broker.Brief(r.URL.Path), "status", status, "reason", reason)
}
