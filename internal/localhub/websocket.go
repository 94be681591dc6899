package localhub

import (
	"context"
	"errors"
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

// maxWebSocketMessage is how long a WebSocket message may be, in bytes. It may
// hold any number of AMQP frames, or a part of one, and is not kept in memory,
// so there is no need to be strict.
const maxWebSocketMessage = 64 << 20

const wrongSubprotocolText = `AMQP over WebSocket needs the header "Sec-WebSocket-Protocol: ` + amqpSubprotocol + `".`

// asksForWebSocket reports whether the request is for one of the paths, with or
// without a slash at the end.
func asksForWebSocket(r *http.Request) bool {
	path := strings.TrimSuffix(r.URL.Path, "/")
	return path == websocketPath || path == servicebusPath
}

// wantsAMQP reports whether the request offers the one subprotocol.
func wantsAMQP(r *http.Request) bool {
	offered := strings.Split(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",")
	return slices.ContainsFunc(offered, func(p string) bool {
		return strings.EqualFold(strings.TrimSpace(p), amqpSubprotocol)
	})
}

// acceptWebSocket answers the request. Unless it fails, AMQP follows.
func (s *stream) acceptWebSocket(w *response, r *http.Request) error {
	if r.Header.Get("Upgrade") != "" && !wantsAMQP(r) {
		return w.refuse(r, http.StatusBadRequest, wrongSubprotocolText)
	}
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
