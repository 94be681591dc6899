// Package httpfront is the HTTP door of the local hub: the registry of devices and
// modules by REST, what devices do by HTTP instead of AMQP, the purge of a device's
// messages, the way to AMQP and MQTT over WebSocket, and the way to the page, which
// package page is about.
//
// It owns the HTTP server, and the JSON of identities. Connections come to it one by
// one, from whoever has found out that they speak HTTP; each may send any number of
// requests. Every request is checked for itself, before its body is read.
//
// It may import access, address, broker, page, query, registry, sas, and
// github.com/coder/websocket.
package httpfront
