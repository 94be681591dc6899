package iothub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"iothub-c2d/internal/sas"
)

// restVersion is the version of the REST API that is spoken here, the one of
// Microsoft's service SDKs.
const restVersion = "2021-04-12"

// maxAnswer bounds an answer of the REST API, in bytes. A device in a list has less
// than 4 kB.
const maxAnswer = 4 << 20

// request sends one request of the REST API, and returns what the hub answers. The
// path is encoded already. A refusal is a [*HubError].
func request(ctx context.Context, cs sas.ConnectionString, method, path string, options *Options) ([]byte, error) {
	o := options.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, o.ConnectTimeout)
	defer cancel()
	token, err := tokenSource(cs, o)(ctx)
	if err != nil {
		return nil, err
	}
	version := "?api-version=" + restVersion
	if strings.Contains(path, "?") {
		version = "&api-version=" + restVersion
	}
	response, err := o.route(cs).Do(ctx, method, path+version, token.Reveal())
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it is read to the end, or not wanted
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the hub's answer: %w", err)
	}
	if response.StatusCode == http.StatusOK {
		return body, nil
	}
	refused := refineHTTP(response.StatusCode, body)
	if errors.Is(refused, ErrNotFound) && refused.Message == "" { // a hub says what it has not found
		return nil, errNoHub(body)
	}
	return nil, refused
}

// errNoHub is the error of an answer that no hub gives.
func errNoHub(body []byte) error { return fmt.Errorf("this is no IoT Hub: it answered %.40q", body) }

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
