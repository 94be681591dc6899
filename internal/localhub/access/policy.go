package access

import (
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// Permission is what a shared access policy allows. Source: Microsoft docs,
// iot-hub-dev-guide-sas.
type Permission int

// The permissions that matter to messaging.
const (
	ServiceConnect Permission = 1 << iota // send to devices, read feedback
	DeviceConnect                         // act as a device
)

// Policy is a shared access policy of the hub.
type Policy struct {
	Name        string
	Key         sas.Key
	Permissions Permission
}

// DefaultPolicies returns the policies that every IoT Hub is created with, all
// with the key of [defaults.Key]. Source: Microsoft docs, iot-hub-dev-guide-sas.
// The two registry policies exist, but there is no registry to use them on.
func DefaultPolicies() []Policy {
	key := defaults.Key()
	return []Policy{
		{defaults.Policy, key, ServiceConnect | DeviceConnect},
		{"service", key, ServiceConnect},
		{"device", key, DeviceConnect},
		{"registryRead", key, 0},
		{"registryReadWrite", key, 0},
	}
}
