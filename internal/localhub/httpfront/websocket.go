package httpfront

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"

	"iothub-c2d/internal/localhub/broker"
)

// Where the SDKs ask for AMQP over WebSocket. The second path is that of the
// Python SDK. Source: the SDKs.
const (
	websocketPath  = "/$iothub/websocket"
	servicebusPath = "/$servicebus/websocket"
)

// amqpSubprotocols are the names of AMQP over WebSocket: the one that the SDKs
// offer, and that of the OASIS draft "AMQP WebSocket Binding", which other
// libraries do.
var amqpSubprotocols = []string{"AMQPWSB10", "amqp"}

// maxWebSocketMessage is how long a WebSocket message may be, in bytes. It may
// hold any number of AMQP frames, or a part of one, and is not kept in memory,
// so there is no need to be strict.
const maxWebSocketMessage = 64 << 20

const wrongSubprotocolText = `AMQP over WebSocket needs the header "Sec-WebSocket-Protocol: AMQPWSB10".`

// asksForWebSocket reports whether the request is for one of the paths, with or
// without a slash at the end.
func asksForWebSocket(r *http.Request) bool {
	path := strings.TrimSuffix(r.URL.Path, "/")
	return path == websocketPath || path == servicebusPath
}

// wantsAMQP reports whether the request offers a subprotocol that is AMQP.
func wantsAMQP(r *http.Request) bool {
	offered := strings.Split(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",")
	return slices.ContainsFunc(amqpSubprotocols, func(name string) bool {
		return slices.ContainsFunc(offered, func(p string) bool { return strings.EqualFold(strings.TrimSpace(p), name) })
	})
}

// serveWebSocket answers the request, and serves the AMQP that follows.
func (h *handler) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" && !wantsAMQP(r) {
		h.refuse(w, r, http.StatusBadRequest, wrongSubprotocolText)
		return
	}
	// The client's own spelling is the answer, and its origin has been looked at.
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: amqpSubprotocols, InsecureSkipVerify: true})
	if err != nil { // it has been answered
		h.client.Log.Info("WebSocket refused", "reason", broker.Brief(err.Error()))
		return
	}
	stream := websocket.NetConn(context.Background(), ws, websocket.MessageBinary)
	defer stream.Close()                 //nolint:errcheck // AMQP has said goodbye by then
	ws.SetReadLimit(maxWebSocketMessage) // NetConn has lifted it
	h.outlive()
	ctx := r.Context()
	r.Header, r.URL, r.RequestURI = nil, nil, "" // they may be long, and nobody needs them any more
	h.client.AMQP(ctx, stream)
}
