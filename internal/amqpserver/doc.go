// Package amqpserver serves AMQP 1.0: connections, SASL, sessions, links,
// credit and settlement. What a link leads to is its [Handler]'s to say; the
// package knows no broker. It imports amqpwire and the standard library.
//
// Three goroutines serve a connection. The reader decodes frames and hands them
// over; the writer encodes and sends frames, and heartbeats in between; the
// owner, which is the goroutine that called [Serve], does everything else and
// calls every method of Handler, Sink and Source. All state below a connection
// is the owner's and has no lock. Others reach the owner through Wake and
// Interrupt alone.
package amqpserver
