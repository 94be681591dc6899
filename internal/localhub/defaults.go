package localhub

import (
	"iothub-c2d/internal/iothub/auth"
)

// DefaultDeviceID is the device of a hub that is started with no configuration.
const DefaultDeviceID = "myFirstDevice"

// DefaultAddress is where the hub listens, and is looked for, when nothing else
// is said: plain AMQP's port, on loopback.
const DefaultAddress = "127.0.0.1:5672"

// DefaultKey returns the key that the default device and all policies of a
// local hub share. It is published, like the keys of other emulators, so that
// separate processes agree without configuration; it protects nothing.
func DefaultKey() auth.Key {
	return auth.NewKey([]byte("local hub: published, not secret"))
}

// DefaultPolicies returns the policies that every IoT Hub is created with.
// Source: Microsoft docs, iot-hub-dev-guide-sas. The two registry policies
// exist, but there is no registry to use them on.
func DefaultPolicies() []Policy {
	key := DefaultKey()
	return []Policy{
		{"iothubowner", key, ServiceConnect | DeviceConnect},
		{"service", key, ServiceConnect},
		{"device", key, DeviceConnect},
		{"registryRead", key, 0},
		{"registryReadWrite", key, 0},
	}
}

// DeviceString returns the connection string of a device of the hub that
// listens at address without TLS.
func DeviceString(address string, d Device) auth.ConnectionString {
	return auth.ConnectionString{HostName: address, DeviceID: d.ID, Key: d.Key, UseDevelopmentEmulator: true}
}

// ServiceString returns the back end's connection string of the hub that
// listens at address without TLS.
func ServiceString(address string) auth.ConnectionString {
	return auth.ConnectionString{HostName: address, KeyName: "iothubowner", Key: DefaultKey(), UseDevelopmentEmulator: true}
}
