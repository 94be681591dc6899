package httpfront

import (
	"encoding/base64"
	"net/http"
	"strconv"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/query"
	"iothub-c2d/internal/localhub/registry"
)

// How many rows an answer has. Source: Microsoft docs, iot-hub-devguide-query-language.
const (
	defaultPage = 100
	maxPage     = 1000
)

// maxQueryBytes is how long the request of a query may be.
const maxQueryBytes = 16 << 10

// query answers a query about devices or modules, page by page.
func (h *handler) query(w http.ResponseWriter, c *call) *broker.Refusal {
	var sent struct {
		Query string `json:"query"`
	}
	if refused := readJSON(w, c.Request, maxQueryBytes, &sent); refused != nil {
		return refused
	}
	q, err := query.Parse(sent.Query)
	if err != nil {
		return broker.Refuse(broker.BadArgument, "The query is not understood: %v.", err)
	}
	size, after, refused := pageOf(c.Request)
	if refused != nil {
		return refused
	}
	w.Header().Set("x-ms-item-type", "raw")
	if q.Count != "" {
		rows, _ := h.rows(q, 0, "")
		answerJSON(w, http.StatusOK, []query.Row{{q.Count: float64(len(rows))}})
		return nil
	}
	rows, last := h.rows(q, size, after)
	if last != "" {
		w.Header().Set("x-ms-continuation", base64.StdEncoding.EncodeToString([]byte(last)))
	}
	answerJSON(w, http.StatusOK, rows)
	return nil
}

// pageOf returns how many rows a client wants, and behind which device.
func pageOf(r *http.Request) (size int, after string, refused *broker.Refusal) {
	size = defaultPage
	if text := r.Header.Get("x-ms-max-item-count"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return 0, "", broker.Refuse(broker.BadArgument, "The header x-ms-max-item-count is %q.", text)
		}
		size = min(n, maxPage)
	}
	b, err := base64.StdEncoding.DecodeString(r.Header.Get("x-ms-continuation"))
	if err != nil {
		return 0, "", broker.Refuse(broker.BadArgument, "The header x-ms-continuation is not one of this hub's.")
	}
	return size, string(b), nil
}

// rows returns the rows of a page: those of the devices behind the given one, until
// there are enough, or all if size is 0. last is the last device that was looked at
// if there are more. A device's modules are not torn apart, so that a page may have
// some more rows.
func (h *handler) rows(q *query.Query, size int, after string) (rows []query.Row, last string) {
	rows = []query.Row{}
	for {
		devices := h.Registry.List(after, maxPage)
		for _, d := range devices {
			after = d.ID.Device
			for _, i := range h.members(q, d) {
				if twin := h.twin(i); q.Matches(twin) {
					rows = append(rows, q.Select(twin))
				}
			}
			if size > 0 && len(rows) >= size && len(h.Registry.List(after, 1)) > 0 {
				return rows, after
			}
		}
		if len(devices) < maxPage {
			return rows, ""
		}
	}
}

// members returns what a query is about: the device, or its modules.
func (h *handler) members(q *query.Query, d registry.Identity) []registry.Identity {
	if !q.Modules {
		return []registry.Identity{d}
	}
	modules, _ := h.Registry.Modules(d.ID.Device)
	return modules
}
