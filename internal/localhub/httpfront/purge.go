package httpfront

import (
	"encoding/json"
	"net/http"
	"time"

	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/address"
	"iothub-c2d/internal/localhub/broker"
)

// asksForPurge reports whether the request is DELETE /devices/{id}/commands.
// Source: Microsoft docs, REST API of IoT Hub, Purge Cloud To Device Message
// Queue.
func asksForPurge(r *http.Request) (device broker.ID, ok bool) {
	id, rest, ok := address.Split(r.URL.EscapedPath()).Identity()
	return id, ok && id.Module == "" && rest.Is("commands") && r.Method == http.MethodDelete
}

// servePurge answers the request.
func (h *handler) servePurge(w http.ResponseWriter, r *http.Request, device broker.ID) {
	refused := h.refusePurge(r, device)
	var n int
	if refused == nil {
		var unknown *broker.Refusal
		if n, unknown = h.Broker.Purge(device); unknown != nil {
			refused = &restError{http.StatusNotFound, "DeviceNotFound", unknown.Message}
		}
	}
	if refused != nil {
		refused.answer(w)
		h.logRefusal(r, refused.status, refused.code+": "+refused.message)
		return
	}
	h.Logger.Info("messages purged", "device", device.Device, "messages", n)
	answerJSON(w, http.StatusOK, struct {
		TotalMessagesPurged int     `json:"totalMessagesPurged"`
		DeviceID            string  `json:"deviceId"`
		ModuleID            *string `json:"moduleId"` // there is a field for it, but no request
	}{TotalMessagesPurged: n, DeviceID: device.Device})
}

// refusePurge returns why the request must not be served, nil if it may.
func (h *handler) refusePurge(r *http.Request, device broker.ID) *restError {
	if r.URL.Query().Get("api-version") == "" {
		return &restError{http.StatusBadRequest, "InvalidProtocolVersion", "The query parameter api-version is missing."}
	}
	g, refused := h.Access.Verify(r.Header.Get("Authorization"), broker.ID{})
	if refused == nil && g.Until(access.Need{Permission: access.ServiceConnect, Of: device, Endpoint: address.Commands}).IsZero() {
		refused = broker.Refuse(broker.Unauthorized, "The token does not permit to purge the messages of %q.", device.Device)
	}
	if refused != nil {
		return &restError{http.StatusUnauthorized, "IotHubUnauthorizedAccess", refused.Message}
	}
	return nil
}

// restError is a refusal as the REST API words it. Source: the Node SDK, which
// takes it to pieces again.
type restError struct {
	status  int
	code    string // the name, not the number
	message string
}

// answer sends the refusal.
func (e *restError) answer(w http.ResponseWriter) {
	w.Header().Set("iothub-errorcode", e.code)
	answerJSON(w, e.status, struct {
		Message          string
		ExceptionMessage string
	}{"ErrorCode:" + e.code + ";" + e.message, "Tracking ID:" + broker.NewTrackingID(time.Now())})
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}
