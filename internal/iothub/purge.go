package iothub

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"iothub-c2d/internal/sas"
)

// restVersion is the version of the REST API that is spoken here, the one of
// Microsoft's service SDKs.
const restVersion = "2021-04-12"

// maxAnswer bounds an answer of the REST API, in bytes.
const maxAnswer = 64 << 10

// Purge removes all messages that wait for a device, and returns how many there
// were. Their senders hear of it: the feedback is [Purged]. It takes a service
// connection string, and one HTTPS request: AMQP has no such operation. A refusal
// is a [*HubError].
//
// Source: Microsoft docs, REST API of IoT Hub, Purge Cloud To Device Message
// Queue.
func Purge(ctx context.Context, cs sas.ConnectionString, deviceID string, options *Options) (n int, err error) {
	o := options.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, o.ConnectTimeout)
	defer cancel()
	token, err := tokenSource(cs, o)(ctx)
	if err != nil {
		return 0, err
	}
	path := "/devices/" + url.PathEscape(deviceID) + "/commands?api-version=" + restVersion
	response, err := o.route(cs).Do(ctx, http.MethodDelete, path, token.Reveal())
	if err != nil {
		return 0, err
	}
	defer response.Body.Close() //nolint:errcheck // it is read to the end, or not wanted
	return readPurged(response)
}

// readPurged reads the hub's answer to a purge.
func readPurged(response *http.Response) (n int, err error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, fmt.Errorf("read the hub's answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return 0, refineHTTP(response.StatusCode, body)
	}
	var result struct{ TotalMessagesPurged *int }
	if err := json.Unmarshal(body, &result); err != nil || result.TotalMessagesPurged == nil {
		return 0, fmt.Errorf("this is no IoT Hub: it answered %.40q", body)
	}
	return *result.TotalMessagesPurged, nil
}

// refineHTTP makes an error of the hub's answer to a request.
func refineHTTP(status int, body []byte) *HubError {
	refused := &HubError{Condition: fmt.Sprintf("%d %s", status, http.StatusText(status))}
	// The message is "ErrorCode:" with a name, a semicolon and the text; newer
	// hubs put a JSON object there, as they do in AMQP. Source: the issues of the
	// Node SDK.
	var answer struct{ Message, ExceptionMessage string }
	if json.Unmarshal(body, &answer) != nil {
		return refused
	}
	if refused.describe(answer.Message) {
		return refused
	}
	name, text, _ := strings.Cut(strings.TrimPrefix(answer.Message, "ErrorCode:"), ";")
	refused.Message = mask(cmp.Or(text, name))
	refused.TrackingID = strings.TrimPrefix(answer.ExceptionMessage, "Tracking ID:")
	return refused
}
