// Package registry knows the devices and modules of a hub: who they are, what each
// may log in with, and whether it may log in at all. Back ends create, change and
// delete them here.
//
// It owns the identities. What waits for a device, and who is connected as one, is
// the broker's: each change goes to it as well, which keeps it over a restart, ends
// queues with their device, and clients that may be here no longer. The package
// knows no protocol and does not check who asks.
//
// It may import broker and sas.
package registry
