// Package store keeps a hub's queues, feedback and identities over a restart: it is
// the [broker.Journal] in a file, hub.db, by bbolt.
//
// It owns the file, its format, and whether what is in it can be trusted. It
// imports broker, bbolt and the standard library; messages are encoded by the
// [Codec] of a door.
package store
