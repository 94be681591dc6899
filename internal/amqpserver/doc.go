// Package amqpserver serves AMQP 1.0: connections, SASL, sessions, links, credit
// and settlement. What a link leads to is its [Handler]'s to say; the package
// knows no broker. It imports amqpwire and the standard library.
//
// Three goroutines serve a connection. The reader decodes frames, the writer
// encodes and sends them, and heartbeats in between. The owner, which is the
// goroutine that called [Serve], does everything else: all state below a
// connection is its own and has no lock, and it calls every method of Handler,
// Sink and Source. Others reach it through Wake and Interrupt alone.
package amqpserver
