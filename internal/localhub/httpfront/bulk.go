package httpfront

import (
	"encoding/json"
	"net/http"
	"strings"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/registry"
)

// How much a bulk may hold. Source: Microsoft docs, iot-hub-devguide-identity-registry;
// the bytes are this hub's own.
const (
	maxBulk      = 100
	maxBulkBytes = maxBulk * 4 << 10
)

// operationJSON is one operation of a bulk: an identity, with some fields under
// other names.
type operationJSON struct {
	identityJSON
	ID   string `json:"id"`
	Mode string `json:"importMode"`
	ETag string `json:"eTag"` // in any case
}

// modes are the values of importMode in small letters. There are others, for twins.
var modes = map[string]registry.Mode{
	"create":                    registry.CreateMode,
	"update":                    registry.UpdateMode,
	"updateifmatchetag":         registry.UpdateIfMatchMode,
	"delete":                    registry.DeleteMode,
	"deleteifmatchetag":         registry.DeleteIfMatchMode,
	"createorupdate":            registry.CreateOrUpdateMode,
	"createorupdateifmatchetag": registry.CreateOrUpdateIfMatchMode,
}

// bulkResult says what became of a bulk.
type bulkResult struct {
	Successful bool        `json:"isSuccessful"`
	Errors     []bulkError `json:"errors"`
	Warnings   []struct{}  `json:"warnings"`
	// SDKs that take errors to pieces do it here as well.
	*errorBody `json:",omitempty"`
}

type bulkError struct {
	DeviceID string `json:"deviceId"`
	ModuleID string `json:"moduleId,omitempty"`
	Code     string `json:"errorCode"`
	Status   string `json:"errorStatus"`
}

// changeInBulk carries out up to a hundred operations, each by itself.
func (h *handler) changeInBulk(w http.ResponseWriter, c *call) *broker.Refusal {
	sent, refused := readBulk(w, c.Request)
	if refused != nil {
		return refused
	}
	result := bulkResult{Successful: true, Errors: []bulkError{}, Warnings: []struct{}{}}
	for _, o := range sent {
		id := broker.ID{Device: o.ID, Module: o.ModuleID}
		operation, refused := o.parse(id)
		if refused == nil {
			refused = h.Registry.Apply(operation)
		}
		if refused != nil {
			result.Errors = append(result.Errors, bulkError{id.Device, id.Module, names[refused.Code], refused.Message})
		}
	}
	status := http.StatusOK
	if n := len(result.Errors); n > 0 {
		failed := broker.Refuse(broker.BulkFailure, "%d of %d operations failed.", n, len(sent))
		body := bodyOf(failed)
		result.Successful, result.errorBody, status = false, &body, failed.Code.HTTPStatus()
		w.Header().Set("iothub-errorcode", names[failed.Code])
		h.logRefusal(c.Request, status, failed.Message)
	}
	answerJSON(w, status, result)
	return nil
}

// readBulk reads the operations of a bulk. They are counted first: thousands of empty
// ones are short, and take a lot of memory.
func readBulk(w http.ResponseWriter, r *http.Request) (sent []operationJSON, refused *broker.Refusal) {
	b, refused := read(w, r, maxBulkBytes)
	if refused != nil {
		return nil, refused
	}
	var count []struct{}
	if err := json.Unmarshal(b, &count); err != nil {
		return nil, notTheJSON(err)
	}
	if n := len(count); n < 1 || n > maxBulk {
		return nil, broker.Refuse(broker.BadArgument, "The bulk has %d operations, not 1 to %d.", n, maxBulk)
	}
	if err := json.Unmarshal(b, &sent); err != nil {
		return nil, notTheJSON(err)
	}
	return sent, nil
}

func (o *operationJSON) parse(id broker.ID) (registry.Operation, *broker.Refusal) {
	mode, known := modes[strings.ToLower(o.Mode)]
	if o.Mode == "" {
		mode, known = registry.CreateOrUpdateMode, true
	}
	if !known {
		return registry.Operation{}, broker.Refuse(broker.BadArgument, "The importMode %q is not emulated.", o.Mode)
	}
	i, refused := o.identityJSON.parse(id)
	i.ETag = unquote(o.ETag)
	return registry.Operation{Mode: mode, Identity: i}, refused
}
