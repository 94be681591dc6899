// Package conformance holds what this module believes of IoT Hub against a hub: a
// real one, or the local one.
//
// A [Belief] is a statement, with its source and with what the local hub does. An
// experiment finds out what a hub does about one or several of them, and says so in
// a few words. If these are the words of the local hub, the belief holds; if not, it
// differs. What could not be found out is said to be untried, and why. [Run] makes
// all experiments, side by side, and returns a [Report].
//
// A run works with devices of its own, which it makes and removes, or with one that
// it is given; it touches no other. It keeps to the pace of a hub with one S1 unit,
// and gives back the feedback of others.
//
// The package knows no hub but by its protocols. It imports the clients, and the
// codecs for what the clients never say.
package conformance
