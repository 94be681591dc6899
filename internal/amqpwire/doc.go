// Package amqpwire encodes and decodes AMQP 1.0: values, performatives, SASL
// bodies, messages and frames (OASIS AMQP 1.0, parts 1 to 3 and 5), and
// nothing else: it opens no socket and keeps no state.
//
// Bytes are first decoded to plain Go values (see [Decode]); a performative is
// then a list of named fields that takes its values from there. The same field
// list serves encoding and decoding, so the two cannot drift apart.
//
// The input is never trusted: every length is checked against the bytes that
// are there before anything is allocated, nesting is bounded, and no input
// makes the package panic.
package amqpwire
