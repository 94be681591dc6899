package httpfront

import (
	"context"
	"net/http"
	"slices"
	"strings"

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

// serveWebSocket answers the request, and serves the AMQP that follows.
func (h *handler) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" && !wantsAMQP(r) {
		h.refuse(w, r, http.StatusBadRequest, wrongSubprotocolText)
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{amqpSubprotocol}})
	if err != nil { // it has been answered
		h.client.Log.Info("WebSocket refused", "reason", err.Error())
		return
	}
	stream := websocket.NetConn(context.Background(), ws, websocket.MessageBinary)
	defer stream.Close()                 //nolint:errcheck // AMQP has said goodbye by then
	ws.SetReadLimit(maxWebSocketMessage) // NetConn has lifted it
	h.outlive()
	h.client.AMQP(r.Context(), stream)
}
