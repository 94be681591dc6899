package localhub

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// maxRequest is how long an HTTP request may be, in bytes: its header, and again
// its body, which is thrown away. The SDKs' are below 1 kB.
const maxRequest = 32 << 10

const notFoundText = `This is a local stand-in for the Azure IoT Hub %q. On this address it
speaks AMQP 1.0, plain or over TLS, and AMQP 1.0 over WebSocket at the path
` + websocketPath + `. Of the REST API it has the purge of a device's
messages, DELETE /devices/{id}/commands. It has no web page.`

// errServed is no failure: the connection was for one HTTP request, which has
// been granted.
var errServed = errors.New("the HTTP request has been served")

// serveHTTP answers the HTTP request that the stream begins with. Unless it
// returns an error, AMQP follows over WebSocket.
func (h *Hub) serveHTTP(s *stream) error {
	header := &io.LimitedReader{R: s.Conn, N: maxRequest}
	w := &response{conn: s.Conn, br: bufio.NewReader(header), header: make(http.Header)}
	r, err := http.ReadRequest(w.br)
	if err != nil {
		http.Error(w, fmt.Sprintf("The request is malformed, or longer than %d bytes.", maxRequest), http.StatusBadRequest)
		return fmt.Errorf("read HTTP request: %w", err)
	}
	header.N = maxRequest // for the body
	if asksForWebSocket(r) {
		return s.acceptWebSocket(w, r)
	}
	discardBody(r)
	if device, ok := asksForPurge(r); ok {
		return h.servePurge(w, r, device)
	}
	return w.refuse(r, http.StatusNotFound, fmt.Sprintf(notFoundText, h.options.HostName))
}

// discardBody reads what the client may still be sending: unread bytes would
// turn the close into a reset, which can overtake the answer.
func discardBody(r *http.Request) {
	if r.Header.Get("Expect") == "" { // else it waits to be asked
		_, _ = io.Copy(io.Discard, r.Body) // bounded by maxRequest and the deadline
	}
}

// response is the answer to the one request of a connection. It is written by
// hand since an http.Server wants the listener, and goroutines of its own.
type response struct {
	conn   net.Conn
	br     *bufio.Reader
	header http.Header
	status int // 0 until it is written
}

var (
	_ http.ResponseWriter = (*response)(nil)
	_ http.Hijacker       = (*response)(nil)
)

// Header returns the header that WriteHeader will send.
func (r *response) Header() http.Header { return r.header }

// WriteHeader sends the status line and the header.
func (r *response) WriteHeader(status int) {
	if r.status != 0 {
		return
	}
	r.status = status
	if status != http.StatusSwitchingProtocols {
		r.header.Add("Connection", "close") // which is also how the body ends
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = r.header.Write(&b) // a buffer takes everything
	b.WriteString("\r\n")
	_, _ = r.conn.Write(b.Bytes()) // what comes next will fail as well
}

// Write sends a part of the body.
func (r *response) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK) // unless it has been
	return r.conn.Write(p)
}

// Hijack hands the connection over to the WebSocket.
func (r *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return r.conn, bufio.NewReadWriter(r.br, bufio.NewWriter(r.conn)), nil
}

// refuse answers in plain text, and returns what has been answered.
func (r *response) refuse(to *http.Request, status int, text string) error {
	http.Error(r, text, status)
	return fmt.Errorf("HTTP request %s %s answered with %d", to.Method, to.URL.Path, status)
}
