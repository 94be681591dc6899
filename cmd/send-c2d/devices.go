package main

import (
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub"
)

func addDeviceFlag(f *pflag.FlagSet, ids *[]string, use string) {
	f.StringArrayVarP(ids, "device-id", "d", nil, "device `ID` "+use+" (repeat; default IOTHUB_DEVICE_ID, or "+localhub.DefaultDeviceID+" on the local hub)")
}

// chosenDevices returns the devices that the flags name, or else the default.
func chosenDevices(s *console.Settings, ids []string) ([]string, error) {
	if len(ids) == 0 {
		id, err := defaultDevice(s)
		if err != nil {
			return nil, err
		}
		ids = []string{id}
	}
	for _, id := range ids {
		if err := console.CheckDeviceID(id); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// defaultDevice returns the device that is meant if no flag names any. Only the
// local hub has a device of a known name.
func defaultDevice(s *console.Settings) (string, error) {
	id := s.Get(console.EnvDeviceID)
	_, asked := s.LocalAddress()
	switch {
	case id != "":
		return id, nil
	case asked || connectionString(s) == "" || strings.Contains(strings.ToLower(connectionString(s)), "usedevelopmentemulator=true"):
		return localhub.DefaultDeviceID, nil
	}
	return "", console.Usage(errors.New("no device is named"), "name it with --device-id, or set "+console.EnvDeviceID)
}
