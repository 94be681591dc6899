package httpfront

import (
	"encoding/json"
	"net/http"
	"time"

	"iothub-c2d/internal/localhub/broker"
)

// names are what the REST API calls the codes. Source: the C# SDK's ErrorCode.
var names = map[broker.Code]string{
	broker.BadVersion:         "InvalidProtocolVersion",
	broker.NotAllowed:         "InvalidOperation",
	broker.BadArgument:        "ArgumentInvalid",
	broker.BulkFailure:        "BulkRegistryOperationFailure",
	broker.Unauthorized:       "IotHubUnauthorizedAccess",
	broker.QueueFull:          "DeviceMaximumQueueDepthExceeded",
	broker.NotFound:           "GenericNotFound",
	broker.DeviceNotFound:     "DeviceNotFound",
	broker.ModuleNotFound:     "ModuleNotFound",
	broker.DeviceExists:       "DeviceAlreadyExists",
	broker.ModuleExists:       "ModuleAlreadyExistsOnDevice",
	broker.PreconditionFailed: "PreconditionFailed",
	broker.LockLost:           "DeviceMessageLockLost",
	broker.TooLarge:           "MessageTooLarge",
	broker.TooManyDevices:     "TooManyDevices",
	broker.TooManyModules:     "TooManyModulesOnDevice",
	broker.Throttled:          "ThrottlingException",
	broker.Internal:           "ServerError",
}

// errorBody is a refusal in JSON. The SDKs take its first text to pieces.
type errorBody struct {
	Message          string
	ExceptionMessage string
}

func bodyOf(r *broker.Refusal) errorBody {
	return errorBody{"ErrorCode:" + names[r.Code] + ";" + r.Message, "Tracking ID:" + broker.NewTrackingID(time.Now())}
}

// answerRefusal answers with a refusal as the REST API words it, and tells the log.
func (h *handler) answerRefusal(w http.ResponseWriter, r *http.Request, refused *broker.Refusal) {
	w.Header().Set("iothub-errorcode", names[refused.Code])
	answerJSON(w, refused.Code.HTTPStatus(), bodyOf(refused))
	h.logRefusal(r, refused.Code.HTTPStatus(), names[refused.Code]+": "+refused.Message)
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}
