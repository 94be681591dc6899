package iothub

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"iothub-c2d/internal/sas"
)

// Purge removes all messages that wait for a device, and returns how many there
// were. Their senders hear of it: the feedback is [Purged]. It takes a service
// connection string, and one HTTPS request: AMQP has no such operation. A refusal
// is a [*HubError].
//
// Source: Microsoft docs, REST API of IoT Hub, Purge Cloud To Device Message
// Queue.
func Purge(ctx context.Context, cs sas.ConnectionString, deviceID string, options *Options) (n int, err error) {
	path := "/devices/" + url.PathEscape(deviceID) + "/commands"
	var result struct{ TotalMessagesPurged *int }
	body, err := request(ctx, cs, http.MethodDelete, path, options)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(body, &result); err != nil || result.TotalMessagesPurged == nil {
		return 0, errNoHub(body)
	}
	return *result.TotalMessagesPurged, nil
}
