package iothub

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"iothub-c2d/internal/sas"
)

// DeviceState is what the registry says of a device. Its keys are left out.
type DeviceState struct {
	ID         string `json:"deviceId"`
	Messages   int    `json:"cloudToDeviceMessageCount"` // in its queue, those that it holds unsettled included
	Status     string `json:"status"`                    // enabled or disabled
	Connection string `json:"connectionState"`           // Connected or Disconnected
}

// ReadDevice returns the state of a device. It takes a service connection string
// whose policy may read the registry, and one HTTPS request. A refusal is a
// [*HubError].
//
// Source: Microsoft docs, REST API of IoT Hub, Devices - Get Identity.
func ReadDevice(ctx context.Context, cs sas.ConnectionString, deviceID string, options *Options) (d DeviceState, err error) {
	body, err := request(ctx, cs, http.MethodGet, "/devices/"+url.PathEscape(deviceID), options)
	if err != nil {
		return DeviceState{}, err
	}
	if json.Unmarshal(body, &d) != nil || d.ID == "" {
		return DeviceState{}, errNoHub(body)
	}
	return d, nil
}

// MostDevices is how many devices a hub lists at most.
const MostDevices = 1000

// Devices returns the devices that are registered with a hub, the first most of
// them, [MostDevices] at the most. It needs what [ReadDevice] needs.
//
// Source: Microsoft docs, REST API of IoT Hub, Devices - Get Devices.
func Devices(ctx context.Context, cs sas.ConnectionString, most int, options *Options) (list []DeviceState, err error) {
	body, err := request(ctx, cs, http.MethodGet, fmt.Sprintf("/devices?top=%d", most), options)
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(body, &list) != nil {
		return nil, errNoHub(body)
	}
	return list, nil
}
