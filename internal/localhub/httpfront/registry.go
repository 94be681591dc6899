package httpfront

import (
	"net/http"
	"strconv"
	"strings"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/registry"
)

// maxIdentity is how long an identity may be that a client sends, in bytes. With
// the longest texts, and all that SDKs add, it has about 3 kB.
const maxIdentity = 16 << 10

// putIdentity creates a device or module or, if the request names an ETag, changes
// it.
func (h *handler) putIdentity(w http.ResponseWriter, c *call) *broker.Refusal {
	var sent identityJSON
	if refused := readJSON(w, c.Request, maxIdentity, &sent); refused != nil {
		return refused
	}
	want, refused := sent.parse(c.id)
	if refused != nil {
		return refused
	}
	var i registry.Identity
	if etag := ifMatch(c.Request); etag != "" {
		i, refused = h.Registry.Update(want, etag)
	} else {
		i, refused = h.Registry.Create(want)
	}
	if refused != nil {
		return refused
	}
	h.answerIdentity(w, i)
	return nil
}

func (h *handler) getIdentity(w http.ResponseWriter, c *call) *broker.Refusal {
	i, refused := h.Registry.Get(c.id)
	if refused != nil {
		return refused
	}
	h.answerIdentity(w, i)
	return nil
}

func (h *handler) answerIdentity(w http.ResponseWriter, i registry.Identity) {
	w.Header().Set("ETag", strconv.Quote(i.ETag))
	answerJSON(w, http.StatusOK, h.show(i))
}

func (h *handler) deleteIdentity(w http.ResponseWriter, c *call) *broker.Refusal {
	etag := ifMatch(c.Request)
	if etag == "" {
		etag = registry.AnyETag
	}
	if refused := h.Registry.Delete(c.id, etag); refused != nil {
		return refused
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// ifMatch returns the ETag that a request asks for, empty if it does not. The SDKs
// send it with quotes, and without.
func ifMatch(r *http.Request) string { return unquote(r.Header.Get("If-Match")) }

func unquote(etag string) string {
	etag = strings.TrimPrefix(strings.TrimSpace(etag), "W/")
	return strings.TrimSuffix(strings.TrimPrefix(etag, `"`), `"`)
}

// maxList is how many devices one answer has at most. Source: Microsoft docs, REST
// API of IoT Hub, Get Devices.
const maxList = 1000

func (h *handler) listDevices(w http.ResponseWriter, c *call) *broker.Refusal {
	top := maxList
	if text := c.URL.Query().Get("top"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxList {
			return broker.Refuse(broker.BadArgument, "The query parameter top is %q, not 1 to %d.", text, maxList)
		}
		top = n
	}
	answerJSON(w, http.StatusOK, h.showAll(h.Registry.List("", top)))
	return nil
}

func (h *handler) listModules(w http.ResponseWriter, c *call) *broker.Refusal {
	modules, refused := h.Registry.Modules(c.id.Device)
	if refused != nil {
		return refused
	}
	answerJSON(w, http.StatusOK, h.showAll(modules))
	return nil
}

func (h *handler) showAll(list []registry.Identity) []any {
	shown := make([]any, 0, len(list))
	for _, i := range list {
		shown = append(shown, h.show(i))
	}
	return shown
}
