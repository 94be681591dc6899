package httpfront

import (
	"net/http"

	"iothub-c2d/internal/localhub/broker"
)

func (h *handler) countDevices(w http.ResponseWriter, _ *call) *broker.Refusal {
	total, disabled := h.Registry.Count()
	answerJSON(w, http.StatusOK, struct {
		Total    int `json:"totalDeviceCount"`
		Enabled  int `json:"enabledDeviceCount"`
		Disabled int `json:"disabledDeviceCount"`
	}{total, total - disabled, disabled})
	return nil
}

func (h *handler) countConnections(w http.ResponseWriter, _ *call) *broker.Refusal {
	answerJSON(w, http.StatusOK, struct {
		Connected int `json:"connectedDeviceCount"`
	}{h.Broker.Connected()})
	return nil
}
