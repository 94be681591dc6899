package iothub

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Status is the final state of a message. Source: Microsoft docs,
// iot-hub-devguide-messages-c2d.
type Status string

// The states that feedback reports.
const (
	Success               Status = "Success"
	Expired               Status = "Expired"
	DeliveryCountExceeded Status = "DeliveryCountExceeded"
	Rejected              Status = "Rejected"
	Purged                Status = "Purged"
)

// statuses is also the order of their numbers, which some hubs send instead of
// the names (the C# SDK's FeedbackStatusCode).
var statuses = []Status{Success, Expired, DeliveryCountExceeded, Rejected, Purged}

// Feedback is the hub's record of what became of one message.
type Feedback struct {
	MessageID          string
	Status             Status
	Description        string
	DeviceID           string
	DeviceGenerationID string
	Time               time.Time // of the outcome
}

// decodeFeedback reads the body of a feedback message: a JSON array of records.
func decodeFeedback(body []byte) ([]Feedback, error) {
	var records []struct {
		OriginalMessageID  string          `json:"originalMessageId"`
		Description        string          `json:"description"`
		DeviceGenerationID string          `json:"deviceGenerationId"`
		DeviceID           string          `json:"deviceId"`
		EnqueuedTimeUTC    string          `json:"enqueuedTimeUtc"`
		StatusCode         json.RawMessage `json:"statusCode"`
	}
	if err := json.Unmarshal(body, &records); err != nil {
		return nil, fmt.Errorf("feedback message: %w", err)
	}
	feedback := make([]Feedback, len(records))
	for i, r := range records {
		t, _ := time.Parse(time.RFC3339Nano, r.EnqueuedTimeUTC) // informative only
		feedback[i] = Feedback{
			MessageID:          r.OriginalMessageID,
			Status:             feedbackStatus(r.StatusCode, r.Description),
			Description:        r.Description,
			DeviceID:           r.DeviceID,
			DeviceGenerationID: r.DeviceGenerationID,
			Time:               t,
		}
	}
	return feedback, nil
}

// feedbackStatus understands all the forms in which hubs have sent a status: a
// name, a number, or (for Success, in 2015) only the description.
func feedbackStatus(code json.RawMessage, description string) Status {
	var value any // nil if there is none, or null
	_ = json.Unmarshal(code, &value)
	if number, ok := value.(float64); ok && slices.Contains([]float64{0, 1, 2, 3, 4}, number) {
		return statuses[int(number)]
	}
	name, _ := value.(string)
	name = cmp.Or(name, description)
	for _, s := range statuses {
		if strings.EqualFold(name, string(s)) {
			return s
		}
	}
	if name == "" {
		return Success
	}
	return Status(name)
}
