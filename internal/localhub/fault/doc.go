// Package fault makes a local hub fail on purpose, so that clients can be tried
// on a bad day. It reads what is to go wrong, decides when, and does it: by a
// look at every frame, and by wrapping what stands behind the links.
//
// It owns the counts of opportunities. A hub without an [Injector] never enters
// this package.
//
// It may import amqpfront, amqpserver, amqpwire, and faultnet for the reset of a
// socket.
package fault
