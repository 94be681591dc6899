package httpfront

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"iothub-c2d/internal/localhub/broker"
)

// Memory is what all connections may hold together, of every protocol. Its methods
// may be called from any goroutine.
type Memory interface {
	Take(n int) bool // n bytes, if so many are left
	Give(n int)      // n bytes back
}

// maxBody is how long the body of a request may be, in bytes, whatever it asks for: a
// bulk is the longest.
const maxBody = maxBulkBytes

// bodyCost is what a byte of a body costs while the request is served: it is copied
// while the body grows, and once more when it is understood.
const bodyCost = 3

// reserve takes the memory for the body of a request, if there is enough. What is
// not known to be shorter may be as long as any.
func (h *handler) reserve(r *http.Request) (release func(), ok bool) {
	n := int64(maxBody)
	if r.ContentLength >= 0 {
		n = min(n, r.ContentLength)
	}
	cost := int(n) * bodyCost
	if h.Memory == nil || cost == 0 {
		return func() {}, true
	}
	return func() { h.Memory.Give(cost) }, h.Memory.Take(cost)
}

// read returns the body of a request, of so many bytes at most.
func read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *broker.Refusal) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, broker.Refuse(broker.TooLarge, "The request has more than %d bytes.", limit)
	case err != nil: // the client will hardly hear of it
		return nil, broker.Refuse(broker.BadArgument, "The request could not be read: %v.", err)
	}
	return b, nil
}

// readJSON reads the body of a request into v.
func readJSON(w http.ResponseWriter, r *http.Request, limit int64, v any) *broker.Refusal {
	b, refused := read(w, r, limit)
	if refused != nil {
		return refused
	}
	if err := json.Unmarshal(b, v); err != nil {
		return notTheJSON(err)
	}
	return nil
}

func notTheJSON(err error) *broker.Refusal {
	return broker.Refuse(broker.BadArgument, "The request is not the JSON that it should be: %v.", err)
}
