package httpfront

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"
)

// Where the SDKs ask for AMQP and MQTT over WebSocket, and the subprotocols that
// they name, in any case. The second path is that of the Python SDK for AMQP.
// Source: the SDKs.
const (
	websocketPath   = "/$iothub/websocket"
	servicebusPath  = "/$servicebus/websocket"
	amqpSubprotocol = "AMQPWSB10"
	mqttSubprotocol = "mqtt"
)

// maxWebSocketMessage is how long a WebSocket message may be, in bytes. It may
// hold any number of frames or packets, or a part of one, and is not kept in memory,
// so there is no need to be strict.
const maxWebSocketMessage = 64 << 20

const wrongSubprotocolText = `WebSocket needs the header "Sec-WebSocket-Protocol: ` + amqpSubprotocol + `" for AMQP, or "` + mqttSubprotocol + `" for MQTT.`

// asksForWebSocket reports whether the request is for one of the paths, with or
// without a slash at the end.
func asksForWebSocket(r *http.Request) bool {
	path := strings.TrimSuffix(r.URL.Path, "/")
	return path == websocketPath || path == servicebusPath
}

// subprotocol returns which subprotocol of ours the request offers, AMQP's if it
// offers both; empty for none.
func subprotocol(r *http.Request) string {
	offered := strings.Split(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",")
	for _, ours := range []string{amqpSubprotocol, mqttSubprotocol} {
		if slices.ContainsFunc(offered, func(p string) bool { return strings.EqualFold(strings.TrimSpace(p), ours) }) {
			return ours
		}
	}
	return ""
}

// serveWebSocket answers the request, and serves the protocol that follows.
func (h *handler) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	spoken := subprotocol(r)
	if r.Header.Get("Upgrade") != "" && spoken == "" {
		h.refuse(w, r, http.StatusBadRequest, wrongSubprotocolText)
		return
	}
	if spoken != "" {
		r.Header.Set("Sec-WebSocket-Protocol", spoken) // the answer is in our spelling: C's SDK sends MQTT, and takes mqtt
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{spoken}})
	if err != nil { // it has been answered
		h.client.Log.Info("WebSocket refused", "reason", err.Error())
		return
	}
	stream := websocket.NetConn(context.Background(), ws, websocket.MessageBinary)
	defer stream.Close()                 //nolint:errcheck // the protocol has said goodbye by then
	ws.SetReadLimit(maxWebSocketMessage) // NetConn has lifted it
	h.outlive()
	if spoken == mqttSubprotocol {
		h.client.MQTT(r.Context(), stream)
		return
	}
	h.client.AMQP(r.Context(), stream)
}
