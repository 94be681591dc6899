// Package dial opens the byte stream that AMQP runs over: TCP, TLS, WebSocket,
// each also by way of an HTTP proxy. It sends the requests of the hub's REST API
// as well, which go the same way.
//
// It owns everything below AMQP: ports, the TLS configuration, the rule that no
// token leaves this machine without TLS. It may import package sas and
// github.com/coder/websocket.
package dial
