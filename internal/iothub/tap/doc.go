// Package tap sits between the socket and go-amqp. It repairs and bounds what
// hubs send and go-amqp cannot take ([Tap]), joins what go-amqp writes frame by
// frame, tells servers that are no AMQP 1.0 servers by their first bytes
// ([ErrNotAMQP]), and writes the frames that pass to a trace.
//
// Of a message that go-amqp cannot take, or does not tell all of, it passes on what
// the hub has sent as well ([Original]).
//
// It owns the bytes of a connection, and no more: what they mean is go-amqp's.
// It may import package amqpwire, and go-amqp to ask what it takes.
package tap
