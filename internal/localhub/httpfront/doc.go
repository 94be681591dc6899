// Package httpfront is the HTTP door of the local hub: the purge of a device's
// messages, and the way to AMQP and MQTT over WebSocket.
//
// It owns the HTTP server. Connections come to it one by one, from whoever has
// found out that they speak HTTP.
//
// It may import access, address, broker, and github.com/coder/websocket.
package httpfront
