package localhub

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// Where the SDKs ask for AMQP over WebSocket, and the subprotocol that they
// name. The second path is that of the Python SDK. Source: the SDKs.
const (
	websocketPath   = "/$iothub/websocket"
	servicebusPath  = "/$servicebus/websocket"
	amqpSubprotocol = "AMQPWSB10"
)

const (
	// maxRequest is how long an HTTP request may be, in bytes: its header, and
	// again its body, which is thrown away. The SDKs' are below 1 kB.
	maxRequest = 32 << 10
	// maxWebSocketMessage is how long a WebSocket message may be, in bytes. It
	// may hold any number of AMQP frames, or a part of one, and is not kept in
	// memory, so there is no need to be strict.
	maxWebSocketMessage = 64 << 20
)

// upgrade answers the HTTP request that the stream begins with. Unless it
// fails, AMQP follows over WebSocket.
func (s *stream) upgrade(hostName string) error {
	header := &io.LimitedReader{R: s.Conn, N: maxRequest}
	w := &response{conn: s.Conn, br: bufio.NewReader(header), header: make(http.Header)}
	r, err := http.ReadRequest(w.br)
	if err != nil {
		http.Error(w, fmt.Sprintf("The request is malformed, or longer than %d bytes.", maxRequest), http.StatusBadRequest)
		return fmt.Errorf("read HTTP request: %w", err)
	}
	header.N = maxRequest // for the body
	path := strings.TrimSuffix(r.URL.Path, "/")
	switch {
	case path != websocketPath && path != servicebusPath:
		discardBody(r)
		http.Error(w, fmt.Sprintf(notFoundText, hostName), http.StatusNotFound)
	case r.Header.Get("Upgrade") != "" && !wantsAMQP(r):
		http.Error(w, wrongSubprotocolText, http.StatusBadRequest)
	default:
		return s.acceptWebSocket(w, r)
	}
	return fmt.Errorf("HTTP request %s %s answered with %d", r.Method, r.URL.Path, w.status)
}

const (
	notFoundText = `This is a local stand-in for the Azure IoT Hub %q. On this address it
speaks AMQP 1.0, plain or over TLS, and AMQP 1.0 over WebSocket at the path
` + websocketPath + `. It has no REST API and no web page.`

	wrongSubprotocolText = `AMQP over WebSocket needs the header "Sec-WebSocket-Protocol: ` + amqpSubprotocol + `".`
)

// discardBody reads what the client may still be sending: unread bytes would
// turn the close into a reset, which can overtake the answer.
func discardBody(r *http.Request) {
	if r.Header.Get("Expect") == "" { // else it waits to be asked
		_, _ = io.Copy(io.Discard, r.Body) // bounded by maxRequest and the deadline
	}
}

// wantsAMQP reports whether the request offers the one subprotocol.
func wantsAMQP(r *http.Request) bool {
	offered := strings.Split(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",")
	return slices.ContainsFunc(offered, func(p string) bool {
		return strings.EqualFold(strings.TrimSpace(p), amqpSubprotocol)
	})
}

func (s *stream) acceptWebSocket(w *response, r *http.Request) error {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{amqpSubprotocol}})
	if err != nil {
		return err // it has been answered
	}
	// From here on deadlines are those of the WebSocket, which has its own.
	if err := s.SetDeadline(time.Time{}); err != nil {
		return errors.Join(err, ws.CloseNow())
	}
	s.Conn, s.websocket = websocket.NetConn(context.Background(), ws, websocket.MessageBinary), true
	ws.SetReadLimit(maxWebSocketMessage) // NetConn has lifted it
	return nil
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
