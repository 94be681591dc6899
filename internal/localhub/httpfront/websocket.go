package httpfront

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"

	"iothub-c2d/internal/localhub/broker"
)

// Where the SDKs ask for AMQP and MQTT over WebSocket. The second path is that of
// the Python SDK for AMQP. Source: the SDKs.
const (
	websocketPath  = "/$iothub/websocket"
	servicebusPath = "/$servicebus/websocket"
)

// amqpSubprotocols are the names of AMQP over WebSocket: the one that the SDKs
// offer, and that of the OASIS draft "AMQP WebSocket Binding", which other
// libraries do.
var amqpSubprotocols = []string{"AMQPWSB10", "amqp"}

// mqttSubprotocol is the name of MQTT over WebSocket (3.1.1 §6). The C SDK offers it
// in capital letters, and takes it in these.
const mqttSubprotocol = "mqtt"

// maxWebSocketMessage is how long a WebSocket message may be, in bytes. It may
// hold any number of frames or packets, or a part of one, and is not kept in memory,
// so there is no need to be strict.
const maxWebSocketMessage = 64 << 20

const wrongSubprotocolText = `WebSocket needs the header "Sec-WebSocket-Protocol: AMQPWSB10" for AMQP, or "mqtt" for MQTT.`

// asksForWebSocket reports whether the request is for one of the paths, with or
// without a slash at the end.
func asksForWebSocket(r *http.Request) bool {
	path := strings.TrimSuffix(r.URL.Path, "/")
	return path == websocketPath || path == servicebusPath
}

// offers reports whether the request offers one of the subprotocols.
func offers(r *http.Request, names ...string) bool {
	offered := strings.Split(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",")
	return slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(offered, func(p string) bool { return strings.EqualFold(strings.TrimSpace(p), name) })
	})
}

// serveWebSocket answers the request, and serves the protocol that follows: AMQP
// if both are offered.
func (h *handler) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	subprotocols, serve := amqpSubprotocols, h.client.AMQP
	switch {
	case r.Header.Get("Upgrade") == "", offers(r, amqpSubprotocols...): // the answer is in the client's own spelling
	case offers(r, mqttSubprotocol):
		subprotocols, serve = []string{mqttSubprotocol}, h.client.MQTT
		r.Header.Set("Sec-WebSocket-Protocol", mqttSubprotocol) // the answer is in ours
	default:
		h.refuse(w, r, http.StatusBadRequest, wrongSubprotocolText)
		return
	}
	// Its origin has been looked at.
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: subprotocols, InsecureSkipVerify: true})
	if err != nil { // it has been answered
		h.client.Log.Info("WebSocket refused", "reason", broker.Brief(err.Error()))
		return
	}
	stream := websocket.NetConn(context.Background(), ws, websocket.MessageBinary)
	defer stream.Close()                 //nolint:errcheck // the protocol has said goodbye by then
	ws.SetReadLimit(maxWebSocketMessage) // NetConn has lifted it
	h.outlive()
	ctx := r.Context()
	r.Header, r.URL, r.RequestURI = nil, nil, "" // they may be long, and nobody needs them any more
	serve(ctx, stream)
}
