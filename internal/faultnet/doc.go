// Package faultnet is a network with bad days: connections that break after so
// many bytes, fall silent, or come in slices and late, and a dialer that is
// refused.
//
// What happens is a function of the bytes that pass and of a seed, so that a
// failure can be repeated. Nothing here reads a clock but to delay, so all of
// it works under testing/synctest; [Pipe] is the socket for that.
package faultnet
