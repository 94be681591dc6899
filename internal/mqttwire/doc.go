// Package mqttwire encodes and decodes the packets of MQTT 3.1.1 (OASIS
// Standard, 29 October 2014), those of both sides, up to QoS 1: a PUBLISH may ask
// for QoS 2, but the packets of its further steps are not understood.
//
// It is strict: what breaks a rule that can be seen in one packet is malformed,
// and a packet that was read is written again byte by byte as it came. How long
// a packet may be is for the reader to say; nothing is allocated before that is
// checked.
//
// It imports the standard library only, and holds no state.
package mqttwire
