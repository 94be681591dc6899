package httpfront

import (
	"net/http"

	"iothub-c2d/internal/localhub/broker"
)

// purge removes the messages that wait for a device. Source: Microsoft docs, REST
// API of IoT Hub, Purge Cloud To Device Message Queue.
func (h *handler) purge(w http.ResponseWriter, c *call) *broker.Refusal {
	n, refused := h.Broker.Purge(c.id)
	if refused != nil {
		return refused
	}
	h.Logger.Info("messages purged", "device", c.id.Device, "messages", n)
	answerJSON(w, http.StatusOK, struct {
		TotalMessagesPurged int     `json:"totalMessagesPurged"`
		DeviceID            string  `json:"deviceId"`
		ModuleID            *string `json:"moduleId"` // there is a field for it, but no request
	}{TotalMessagesPurged: n, DeviceID: c.id.Device})
	return nil
}
