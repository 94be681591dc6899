package localhub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/localhub/amqpfront"
	"iothub-c2d/internal/localhub/httpfront"
	"iothub-c2d/internal/localhub/mqttfront"
)

// maxConnections protects the hub from its clients.
const maxConnections = 2000

// Serve accepts connections until the hub is closed or the listener fails. It
// closes the listener.
func (h *Hub) Serve(l net.Listener) error {
	if !h.start() {
		return l.Close()
	}
	defer h.served.Done()
	stop := context.AfterFunc(h.ctx, func() { _ = l.Close() })
	defer stop()
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			h.served.Go(func() { h.ServeConn(c) })
		case h.ctx.Err() != nil:
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			h.log.Warn("no file descriptor is left for a client", "error", err)
			time.Sleep(acceptPause) // clients that leave give some back
		default:
			return fmt.Errorf("accept on %s: %w", l.Addr(), errors.Join(err, l.Close()))
		}
	}
}

// acceptPause is how long the hub waits for a file descriptor.
const acceptPause = 100 * time.Millisecond

// start adds a listener to what Close waits for. It reports false if the hub is
// closed. The lock keeps it from coming between Close's two steps.
func (h *Hub) start() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return false
	}
	h.served.Add(1)
	return true
}

// ServeConn speaks with one client until either side closes the connection. The
// client may begin with AMQP, MQTT, TLS, or an HTTP request.
func (h *Hub) ServeConn(c net.Conn) {
	log := h.log.With("client", c.RemoteAddr().String())
	if !h.admit() {
		log.Warn("refused: too many connections", "limit", maxConnections)
		_ = c.Close()
		return
	}
	defer h.leave()
	s, err := h.unwrap(c)
	if err != nil {
		log.Info("connection refused", "reason", err.Error())
		_ = s.Close()
		return
	}
	switch s.protocol {
	case protocolAMQP:
		h.serveAMQP(h.ctx, s, s.Conn, log)
	case protocolMQTT:
		h.serveMQTT(h.ctx, s, s.Conn, log)
	case protocolHTTP:
		h.http.Serve(h.ctx, httpfront.Client{
			Conn: s.Conn, Log: log, Certificates: s.certificates,
			AMQP: func(ctx context.Context, stream net.Conn) { h.serveAMQP(ctx, s, stream, log) },
			MQTT: func(ctx context.Context, stream net.Conn) { h.serveMQTT(ctx, s, stream, log) },
		})
	}
}

// serveAMQP speaks AMQP on a stream that came over the connection s.
func (h *Hub) serveAMQP(ctx context.Context, s *stream, amqp net.Conn, log *slog.Logger) {
	log = log.With("transport", s.transport(protocolAMQP))
	err := h.amqp.Serve(ctx, amqpfront.Stream{
		Conn: amqp, Socket: s.socket, Over: s.over("AMQP", protocolAMQP), Certificates: s.certificates,
	}, log)
	var other amqpserver.HeaderError
	switch {
	case err == nil:
	case errors.As(err, &other):
		log.Info("connection ended", "reason", explainHeader(other.Header))
	default:
		log.Info("connection ended", "reason", err.Error())
	}
}

// serveMQTT speaks MQTT on a stream that came over the connection s.
func (h *Hub) serveMQTT(ctx context.Context, s *stream, mqtt net.Conn, log *slog.Logger) {
	log = log.With("transport", s.transport(protocolMQTT))
	if err := h.mqtt.Serve(ctx, mqttfront.Stream{
		Conn: mqtt, Over: s.over("MQTT", protocolMQTT), Certificates: s.certificates,
	}, log); err != nil {
		log.Info("connection ended", "reason", err.Error())
	}
}

// admit counts a connection, if there is room for it.
func (h *Hub) admit() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open >= maxConnections || h.ctx.Err() != nil {
		return false
	}
	h.open++
	return true
}

func (h *Hub) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open--
}
