package page

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"iothub-c2d/internal/localhub/broker"
)

// How many rows an answer has, if the browser does not say, and at most.
const (
	usualRows = 50
	maxRows   = 200
)

// rows returns how many rows a request asks for.
func rows(r *http.Request) (int, *failure) { return number(r, "limit", usualRows, maxRows) }

// number reads a parameter of the request, from 0.
func number(r *http.Request, name string, otherwise, most int) (int, *failure) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, &failure{http.StatusBadRequest, name + " is not a number from 0 to " + strconv.Itoa(most) + "."}
	}
	return n, nil
}

// sequence reads the number of a message, 0 if there is none.
func sequence(r *http.Request, name string) (uint64, *failure) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, &failure{http.StatusBadRequest, name + " is not the number of a message."}
	}
	return n, nil
}

// queue returns the queue that a request is about: that of feedback if it names no
// device.
func (p *Page) queue(r *http.Request) (*broker.Queue, *failure) {
	id := broker.ID{Device: r.URL.Query().Get("device"), Module: r.URL.Query().Get("module")}
	if id == (broker.ID{}) {
		return p.broker.Feedback(), nil
	}
	if q := p.broker.QueueOf(id); q != nil {
		return q, nil
	}
	return nil, &failure{http.StatusNotFound, "There is no such device or module."}
}

// at is a time for the browser; nil: there is none.
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC().Truncate(time.Millisecond))
}

// text is what a browser can show of bytes.
type text struct {
	Text     string `json:"text"`
	Encoding string `json:"encoding"` // utf8 or base64
}

func textOf(b []byte) text {
	if utf8.Valid(b) {
		return text{string(b), "utf8"}
	}
	return text{base64.StdEncoding.EncodeToString(b), "base64"}
}
