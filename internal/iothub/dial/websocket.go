package dial

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/coder/websocket"
)

// What IoT Hub's SDKs use for AMQP over WebSocket.
const (
	websocketPath        = "/$iothub/websocket"
	websocketSubprotocol = "AMQPWSB10"
	// noClientCert asks the hub not to ask for a client's certificate, as the Java
	// SDK does.
	noClientCert = "?iothub-no-client-cert=true"
)

// dialWebSocket opens a WebSocket and returns it as a byte stream.
func (r Route) dialWebSocket(ctx context.Context) (net.Conn, error) {
	path := websocketPath
	if !r.Hub.X509 {
		path += noClientCert
	}
	socket, response, err := websocket.Dial(ctx, r.url("wss", path), &websocket.DialOptions{
		HTTPClient:   r.httpClient(),
		Subprotocols: []string{websocketSubprotocol},
	})
	if err != nil {
		return nil, fmt.Errorf("WebSocket to %s: %w", r.Address(), upgradeError(response, err))
	}
	if socket.Subprotocol() != websocketSubprotocol {
		_ = socket.CloseNow() // it is of no use
		return nil, fmt.Errorf("WebSocket to %s: the server does not speak %s", r.Address(), websocketSubprotocol)
	}
	stream := &socketStream{
		Conn:   websocket.NetConn(context.WithoutCancel(ctx), socket, websocket.MessageBinary),
		socket: socket,
	}
	if response.TLS != nil {
		return &securedSocket{stream, *response.TLS}, nil
	}
	return stream, nil
}

// ErrNoSocket says that the server is an HTTP server, and no hub.
var ErrNoSocket = errors.New("the server has no WebSocket there")

// socketError is an [ErrNoSocket] that says what the server has answered.
type socketError struct{ status string }

func (e socketError) Error() string { return "the server answered " + e.status }
func (socketError) Unwrap() error   { return ErrNoSocket }

// upgradeError returns why there is no WebSocket, in fewer words than the
// libraries between here and the socket use.
func upgradeError(response *http.Response, err error) error {
	if response == nil || response.StatusCode == http.StatusSwitchingProtocols {
		return requestReason(err)
	}
	switch response.StatusCode {
	case http.StatusOK, http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed:
		return socketError{response.Status}
	}
	return fmt.Errorf("the server answered %s", response.Status)
}

// socketStream is a WebSocket as a byte stream. AMQP has said goodbye by the
// time it is closed, so it does not wait for the other side to do so again.
type socketStream struct {
	net.Conn
	socket *websocket.Conn
}

func (s *socketStream) Close() error { return s.socket.CloseNow() }

// securedSocket also knows how the TLS below it came out.
type securedSocket struct {
	*socketStream
	state tls.ConnectionState
}

func (s *securedSocket) ConnectionState() tls.ConnectionState { return s.state }
