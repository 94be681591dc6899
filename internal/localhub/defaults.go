package localhub

import "iothub-c2d/internal/localhub/defaults"

// DefaultPolicies returns the policies that every IoT Hub is created with.
// Source: Microsoft docs, iot-hub-dev-guide-sas. The two registry policies
// exist, but there is no registry to use them on.
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
