// Package defaults is what both tools know about a local hub that nobody has
// configured: where it listens, its device and its key. The sender looks for such
// a hub without having one, so nothing here serves anything.
package defaults

import "iothub-c2d/internal/sas"

// DeviceID is the device of a hub that is started with no configuration.
const DeviceID = "myFirstDevice"

// Address is where the hub listens, and is looked for, when nothing else is
// said: plain AMQP's port, on loopback.
const Address = "127.0.0.1:5672"

// Policy is the shared access policy that the tools use as a back end.
const Policy = "iothubowner"

// Key returns the key that the default device and all policies of a local hub
// share. It is published, like the keys of other emulators, so that separate
// processes agree without configuration; it protects nothing.
func Key() sas.Key {
	return sas.NewKey([]byte("local hub: published, not secret"))
}

// DeviceString returns the connection string of a device of the hub that
// listens at address without TLS.
func DeviceString(address, id string, key sas.Key) sas.ConnectionString {
	return sas.ConnectionString{HostName: address, DeviceID: id, Key: key, UseDevelopmentEmulator: true}
}

// ServiceString returns the back end's connection string of the hub that
// listens at address without TLS.
func ServiceString(address string) sas.ConnectionString {
	return sas.ConnectionString{HostName: address, KeyName: Policy, Key: Key(), UseDevelopmentEmulator: true}
}
