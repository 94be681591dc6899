// Package tap sits between the socket and go-amqp. It repairs and bounds what
// hubs send and go-amqp cannot take ([Tap]), joins what go-amqp writes frame by
// frame, tells servers that are no AMQP 1.0 servers by their first bytes
// ([ErrNotAMQP]), and writes the frames that pass to a trace.
//
// It owns the bytes of a connection, and no more: what they mean is go-amqp's.
// It may import package amqpwire.
package tap
