// Package amqpfront is the AMQP door of the local hub: the endpoints of IoT Hub,
// with an AMQP server in front of them and the broker behind. It understands link
// addresses, checks what the back end sends, and words the hub's refusals.
//
// It owns what one connection is permitted ([Client]); queues are the broker's,
// frames the server's. Every method of a Client and of its links runs on the
// connection's owner goroutine.
//
// It may import amqpserver, amqpwire, broker, access and address.
package amqpfront
