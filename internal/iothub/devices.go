package iothub

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"iothub-c2d/internal/sas"
)

// Devices returns the ids of the devices that are registered with a hub, the first
// most of them, 1,000 at the most. It takes a service connection string whose policy
// may read the registry, and one HTTPS request. A refusal is a [*HubError].
//
// Source: Microsoft docs, REST API of IoT Hub, Get Devices.
func Devices(ctx context.Context, cs sas.ConnectionString, most int, options *Options) (ids []string, err error) {
	body, err := request(ctx, cs, http.MethodGet, fmt.Sprintf("/devices?top=%d", most), options)
	if err != nil {
		return nil, err
	}
	var devices []struct{ DeviceID string }
	if json.Unmarshal(body, &devices) != nil {
		return nil, errNoHub(body)
	}
	for _, d := range devices {
		ids = append(ids, d.DeviceID)
	}
	return ids, nil
}
