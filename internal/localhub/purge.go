package localhub

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Purge removes all messages that wait for a device, those in its hands too,
// and returns how many there were. It returns false if there is no such device.
func (h *Hub) Purge(deviceID string) (n int, ok bool) {
	m, refused := h.mailbox(identity{device: deviceID})
	if refused != nil {
		return 0, false
	}
	return m.queue.purge(), true
}

// asksForPurge reports whether the request is DELETE /devices/{id}/commands.
// Source: Microsoft docs, REST API of IoT Hub, Purge Cloud To Device Message
// Queue.
func asksForPurge(r *http.Request) (device string, ok bool) {
	id, rest, ok := splitAddress(r.URL.EscapedPath()).identity()
	return id.device, ok && id.module == "" && rest.is("commands") && r.Method == http.MethodDelete
}

// servePurge answers the request. It always returns an error: errServed, or why
// not.
func (h *Hub) servePurge(w *response, r *http.Request, device string) error {
	if refused := h.refusePurge(r, device); refused != nil {
		return refused.answer(w)
	}
	n, ok := h.Purge(device)
	if !ok {
		return (&restError{http.StatusNotFound, "DeviceNotFound", explain(h.noDevice(device))}).answer(w)
	}
	h.log.Info("messages purged", "device", device, "messages", n)
	answerJSON(w, http.StatusOK, struct {
		TotalMessagesPurged int     `json:"totalMessagesPurged"`
		DeviceID            string  `json:"deviceId"`
		ModuleID            *string `json:"moduleId"` // there is a field for it, but no request
	}{TotalMessagesPurged: n, DeviceID: device})
	return errServed
}

// refusePurge returns why the request must not be served, nil if it may.
func (h *Hub) refusePurge(r *http.Request, device string) *restError {
	if r.URL.Query().Get("api-version") == "" {
		return &restError{http.StatusBadRequest, "InvalidProtocolVersion", "The query parameter api-version is missing."}
	}
	g, refused := h.verify(r.Header.Get("Authorization"))
	if refused == nil && (grants{g}).until(ServiceConnect, identity{device: device}.path()).IsZero() {
		refused = refusal(condUnauthorized, codeUnauthorized, "The token does not permit to purge the messages of %q.", device)
	}
	if refused != nil {
		return &restError{http.StatusUnauthorized, "IotHubUnauthorizedAccess", explain(refused)}
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

// answer sends the refusal, and returns it for the log.
func (e *restError) answer(w *response) error {
	w.Header().Set("iothub-errorcode", e.code)
	answerJSON(w, e.status, struct {
		Message          string
		ExceptionMessage string
	}{"ErrorCode:" + e.code + ";" + e.message, "Tracking ID:" + newTrackingID(time.Now())})
	return fmt.Errorf("HTTP request answered with %d %s: %s", e.status, e.code, e.message)
}

func answerJSON(w *response, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}
