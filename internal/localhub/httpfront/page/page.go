package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"iothub-c2d/internal/localhub/broker"
)

// Page shows a hub.
type Page struct {
	broker  *broker.Broker
	hub     string        // its name
	streams chan struct{} // holds one for each stream of events
}

// New returns the page of the hub of the given name.
func New(b *broker.Broker, hub string) *Page {
	return &Page{broker: b, hub: hub, streams: make(chan struct{}, maxStreams)}
}

// prefix is where the data is. The document is at the root.
const prefix = "/page/"

// Owns reports whether a request is for the page, and not for the REST API.
func Owns(r *http.Request) bool {
	switch {
	case r.URL.Query().Has("api-version"):
		return false
	case r.URL.Path == "/":
		return r.Method == http.MethodGet || r.Method == http.MethodHead
	}
	return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, prefix)
}

// Refuse returns why a request must not be answered, empty if it may: it comes from
// another machine, or a browser says that a foreign page has asked for data. That
// page could not read the answer, but need not get it either. A link to the document
// may be anywhere.
func Refuse(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return "The page is for browsers on the machine of the hub only."
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case site == "", site == "none", site == "same-origin":
		return ""
	case r.URL.Path == "/" && r.Header.Get("Sec-Fetch-Mode") == "navigate":
		return ""
	default:
		return fmt.Sprintf("The page does not answer %.20q requests.", site)
	}
}

// ServeHTTP answers a request that the page [Owns], and that there is no reason to
// [Refuse].
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if r.URL.Path == "/" {
		h.Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(document) // the client may have gone
		return
	}
	var answer any
	var err *failure
	switch strings.TrimPrefix(r.URL.Path, prefix) {
	case "devices":
		answer, err = p.devices(r)
	case "messages":
		answer, err = p.messages(r)
	case "feedback":
		answer, err = p.feedback(r)
	case "body":
		answer, err = p.body(r)
	case "events":
		err = p.serveEvents(w, r)
	default:
		err = &failure{http.StatusNotFound, "The page has nothing of that name."}
	}
	switch {
	case err != nil:
		http.Error(w, err.text, err.status)
	case answer != nil:
		h.Set("Content-Type", "application/json; charset=utf-8")
		_ = json.NewEncoder(w).Encode(answer) // likewise
	}
}

// failure is why a request has no other answer.
type failure struct {
	status int
	text   string
}
