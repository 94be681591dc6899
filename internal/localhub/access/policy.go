package access

import (
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// Permission is what a shared access policy allows, or a role of Microsoft Entra ID.
// Source: Microsoft docs, iot-hub-dev-guide-sas.
type Permission int

// The permissions. A policy may give the first four.
const (
	ServiceConnect Permission = 1 << iota // send to devices, read feedback
	DeviceConnect                         // act as a device
	RegistryRead                          // read the registry
	RegistryWrite                         // create, change and delete identities
	TwinRead                              // read twins, which the first and the third permit as well
)

// Policy is a shared access policy of the hub.
type Policy struct {
	Name        string
	Key         sas.Key
	Permissions Permission
}

// DefaultPolicies returns the policies that every IoT Hub is created with, all
// with the key of [defaults.Key]. Source: Microsoft docs, iot-hub-dev-guide-sas.
func DefaultPolicies() []Policy {
	key := defaults.Key()
	return []Policy{
		{defaults.Policy, key, ServiceConnect | DeviceConnect | RegistryRead | RegistryWrite},
		{"service", key, ServiceConnect},
		{"device", key, DeviceConnect},
		{"registryRead", key, RegistryRead},
		{"registryReadWrite", key, RegistryRead | RegistryWrite},
	}
}
