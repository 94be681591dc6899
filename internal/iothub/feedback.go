package iothub

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/go-amqp"
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
	// Unknown is what the hub says of no message. It stands for a status that is
	// missing, or that this package does not know.
	Unknown Status = "Unknown"
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

// feedbackCredit is how many feedback messages a receiver holds at most. They
// may all be other senders', and a receiver that holds no more sees nothing of
// its own: so there must be room for more than nobody reads. IoT Hub puts up to
// 64 records into each, a local hub one.
const feedbackCredit = 1000

// FeedbackReceiver receives feedback messages. It reconnects by itself.
type FeedbackReceiver struct {
	receiver *attachment[*amqp.Receiver]
}

// ReceiveFeedback starts to receive delivery feedback. All back ends of a hub
// share one queue of it: what one completes, no other sees.
func (s *Service) ReceiveFeedback(ctx context.Context) (*FeedbackReceiver, error) {
	f := &FeedbackReceiver{newAttachment(s.client, receiverOf(feedbackAddress, feedbackCredit))}
	attached := func(context.Context, *amqp.Receiver, *wait) error { return nil }
	if err := f.receiver.do(ctx, attached); err != nil {
		return nil, err
	}
	return f, nil
}

// Receive waits for the next feedback message. One that cannot be read is left
// to whoever can, unsettled.
func (f *FeedbackReceiver) Receive(ctx context.Context) (*FeedbackBatch, error) {
	for {
		batch, err := f.next(ctx)
		if err != nil {
			return nil, fmt.Errorf("receive feedback: %w", err)
		}
		if batch.Records, err = decodeFeedback(body(batch.held.message)); err == nil {
			return batch, nil
		}
		f.receiver.client.options.Logger.Warn("feedback passed over", "error", err)
	}
}

// next waits for the next feedback message, which is not read yet.
func (f *FeedbackReceiver) next(ctx context.Context) (batch *FeedbackBatch, err error) {
	err = f.receiver.do(ctx, func(ctx context.Context, receiver *amqp.Receiver, w *wait) error {
		w.on(forMessage)
		m, err := receiver.Receive(ctx, nil)
		if err != nil {
			return err
		}
		batch = &FeedbackBatch{held: held{f.receiver, receiver, m}}
		return nil
	})
	return batch, err
}

// Yield gives all batches back that were not completed, for others to read,
// and this does not count against them. The next Receive takes up again.
//
// A hub gives a message that is released outright no more than ten chances. That
// a link which is detached gives back what it holds without using one up is
// inferred: AMQP leaves it open, and no documentation says it.
//
// It must not run at once with Receive.
func (f *FeedbackReceiver) Yield(ctx context.Context) error {
	if err := f.receiver.close(ctx); err != nil {
		return fmt.Errorf("detach %s: %w", feedbackAddress, err)
	}
	return nil
}

// FeedbackBatch is one feedback message: the records that the hub had when it
// sent it, for whatever devices and senders.
type FeedbackBatch struct {
	Records []Feedback
	held    held
}

// Complete removes the batch from the hub. It fails as [Delivery.Complete] does.
func (b *FeedbackBatch) Complete(ctx context.Context) error {
	return b.held.settle(ctx, "complete feedback", (*amqp.Receiver).AcceptMessage)
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
// name, its number, either as a string, or (for Success, in 2015) the name in the
// description only. It takes nothing else for a status.
func feedbackStatus(code json.RawMessage, description string) Status {
	var value any // nil if there is none
	_ = json.Unmarshal(code, &value)
	text, _ := value.(string)
	if number, ok := value.(float64); ok {
		text = strconv.FormatFloat(number, 'f', -1, 64)
	}
	if n := slices.Index([]string{"0", "1", "2", "3", "4"}, text); n >= 0 {
		return statuses[n]
	}
	for _, name := range []string{text, description} {
		for _, s := range statuses {
			if strings.EqualFold(name, string(s)) {
				return s
			}
		}
	}
	return Unknown
}
