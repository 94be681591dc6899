package main

import (
	"cmp"
	"errors"

	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

func addDeviceFlag(f *pflag.FlagSet, ids *[]string, use string) {
	f.StringArrayVarP(ids, "device-id", "d", nil, "device `ID` "+use+" (repeat; default IOTHUB_DEVICE_ID, or "+defaults.DeviceID+" on the local hub)")
}

var errNoDevice = console.Usage(errors.New("no device is named"), "name it with --device-id, or set "+console.EnvDeviceID)

// chosenDevices returns the devices that the flags name, or else the default.
// Only a local hub has a device of a known name.
func chosenDevices(s *console.Settings, hub sas.ConnectionString, ids []string) ([]string, error) {
	if len(ids) == 0 {
		id := s.Get(console.EnvDeviceID)
		if hub.UseDevelopmentEmulator {
			id = cmp.Or(id, defaults.DeviceID)
		}
		if id == "" {
			return nil, errNoDevice
		}
		ids = []string{id}
	}
	return ids, checkDevices(ids)
}

func checkDevices(ids []string) error {
	for _, id := range ids {
		if err := console.CheckDeviceID(id); err != nil {
			return err
		}
	}
	return nil
}
