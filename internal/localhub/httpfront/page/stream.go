package page

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"iothub-c2d/internal/localhub/broker"
)

// maxStreams is how many streams of events there may be at once. Each may hold some
// hundred kB.
const maxStreams = 16

const (
	// writeTimeout is how long a browser may take to read what is written.
	writeTimeout = 30 * time.Second
	// heartbeat is how long a stream is silent at most: so it is noticed when the
	// browser has gone.
	heartbeat = 15 * time.Second
)

// serveEvents sends the events from now on, as server-sent events (HTML §9.2), until
// the browser or the hub goes. A browser that is slow misses some; one that reads
// nothing is cut off.
func (p *Page) serveEvents(w http.ResponseWriter, r *http.Request) *failure {
	select {
	case p.streams <- struct{}{}:
		defer func() { <-p.streams }()
	default:
		return &failure{http.StatusServiceUnavailable, fmt.Sprintf("%d pages are open already.", maxStreams)}
	}
	s := stream{w, http.NewResponseController(w)}
	if err := s.control.SetReadDeadline(time.Time{}); err != nil { // the request has been read
		return &failure{http.StatusInternalServerError, "Events cannot be sent here."}
	}
	events := p.broker.Subscribe()
	defer events.Close()
	w.Header().Set("Content-Type", "text/event-stream")
	if s.send([]byte(": events follow\n\n")) == nil {
		s.follow(r.Context(), events)
	}
	return nil
}

// stream is a response that goes on.
type stream struct {
	http.ResponseWriter
	control *http.ResponseController
}

// follow sends events until it fails, or the browser has gone.
func (s stream) follow(ctx context.Context, events *broker.Subscription) {
	for ctx.Err() == nil {
		soon, cancel := context.WithTimeout(ctx, heartbeat)
		list, missed, _ := events.Next(soon)
		cancel()
		if s.send(encode(list, missed)) != nil {
			return
		}
	}
}

// encode returns events as the stream has them: a comment if there is none.
func encode(list []broker.Notice, missed int) []byte {
	var b bytes.Buffer
	for _, n := range list {
		data, _ := json.Marshal(n) // texts and numbers, in one line: cannot fail
		fmt.Fprintf(&b, "data: %s\n\n", data)
	}
	if missed > 0 {
		fmt.Fprintf(&b, "event: missed\ndata: %d\n\n", missed)
	}
	if b.Len() == 0 {
		b.WriteString(":\n\n")
	}
	return b.Bytes()
}

func (s stream) send(text []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := s.Write(text); err != nil {
		return err
	}
	return s.control.Flush()
}
