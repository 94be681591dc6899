package iothub

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	Description        string // if the status is unknown, what the hub calls it
	DeviceID           string
	DeviceGenerationID string
	Time               time.Time // of the outcome
}

// MaxFeedback is behind how many feedback messages a receiver can look: it holds so
// many, and one more. What it holds, no other receiver sees, until it gives the
// messages back or, on a hub that does not take them back, until their locks run
// out, after a minute.
const MaxFeedback = 100

// FeedbackReceiver receives feedback messages. It reconnects by itself. Its
// methods must not run at once.
type FeedbackReceiver struct {
	first   *attachment[*amqp.Receiver]   // has credit for all that may be held
	further []*attachment[*amqp.Receiver] // each has credit for one
}

// ReceiveFeedback starts to receive delivery feedback. All back ends of a hub
// share one queue of it: what one completes, no other sees.
func (s *Service) ReceiveFeedback(ctx context.Context) (*FeedbackReceiver, error) {
	f := &FeedbackReceiver{first: newAttachment(s.client, onOwnSession(receiverOf(feedbackAddress, MaxFeedback+1)))}
	attached := func(context.Context, *amqp.Receiver, *wait) error { return nil }
	if err := f.first.do(ctx, attached); err != nil {
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
		if batch.Records, err = decodeFeedback(decode(batch.held.message).Body); err == nil {
			return batch, nil
		}
		f.first.client.options.Logger.Warn("feedback passed over", "error", err)
	}
}

// next waits for the next feedback message, which is not read yet.
func (f *FeedbackReceiver) next(ctx context.Context) (batch *FeedbackBatch, err error) {
	a := f.first
	if n := len(f.further); n > 0 {
		a = f.further[n-1]
	}
	err = a.do(ctx, func(ctx context.Context, receiver *amqp.Receiver, w *wait) error {
		w.on(forMessage)
		m, err := receiver.Receive(ctx, nil)
		if err != nil {
			return err
		}
		batch = &FeedbackBatch{held: held{a, receiver, m}}
		return nil
	})
	return batch, err
}

// LookFurther attaches one more link, for one message, which Receive takes next. A
// hub may send no further message on a link before the last one is settled (as IoT
// Hub does, according to the C# SDK, pull request 2439), and a link whose message
// is somebody else's is of no more use then. That another link gets the message
// behind it is inferred: receivers of a queue compete.
func (f *FeedbackReceiver) LookFurther(ctx context.Context) error {
	a := newAttachment(f.first.client, onOwnSession(receiverOf(feedbackAddress, 1)))
	if err := a.first(ctx); err != nil {
		return err
	}
	f.further = append(f.further, a)
	return nil
}

// Yield gives all batches back that were not completed, for others to read,
// and this does not count against them. The next Receive takes up again.
//
// A hub gives a message that is released outright no more than ten chances. That
// a link which is detached gives back what it holds without using one up is
// inferred: AMQP leaves it open, and no documentation says it.
func (f *FeedbackReceiver) Yield(ctx context.Context) error {
	links := append(f.further, f.first)
	f.further = nil
	failures := make([]error, len(links))
	var closing sync.WaitGroup
	for i, a := range links { // at once: there may be many, and the hub far away
		closing.Go(func() { failures[i] = a.close(ctx) })
	}
	closing.Wait()
	for _, err := range failures {
		if err != nil {
			return fmt.Errorf("detach %s: %w", feedbackAddress, err)
		}
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
		OriginalMessageID  string `json:"originalMessageId"`
		Description        string `json:"description"`
		DeviceGenerationID string `json:"deviceGenerationId"`
		DeviceID           string `json:"deviceId"`
		EnqueuedTimeUTC    string `json:"enqueuedTimeUtc"`
		StatusCode         any    `json:"statusCode"`
	}
	if err := json.Unmarshal(body, &records); err != nil {
		return nil, fmt.Errorf("feedback message: %w", err)
	}
	feedback := make([]Feedback, len(records))
	for i, r := range records {
		t, _ := time.Parse(time.RFC3339Nano, r.EnqueuedTimeUTC) // informative only
		code := statusText(r.StatusCode)
		feedback[i] = Feedback{
			MessageID:          r.OriginalMessageID,
			Status:             feedbackStatus(code, r.Description),
			Description:        r.Description,
			DeviceID:           r.DeviceID,
			DeviceGenerationID: r.DeviceGenerationID,
			Time:               t,
		}
		if feedback[i].Status == Unknown {
			feedback[i].Description = cmp.Or(r.Description, code)
		}
	}
	return feedback, nil
}

// statusText returns the text of a status, which is a string or a number; empty
// for anything else.
func statusText(code any) string {
	switch code := code.(type) {
	case float64:
		return strconv.FormatFloat(code, 'f', -1, 64)
	case string:
		return code
	}
	return ""
}

// feedbackStatus understands all the forms in which hubs have sent a status: a
// name, its number, either as a string, or (for Success, in 2015) the name in the
// description only. It takes nothing else for a status.
func feedbackStatus(code, description string) Status {
	if n := slices.Index([]string{"0", "1", "2", "3", "4"}, code); n >= 0 {
		return statuses[n]
	}
	for _, name := range []string{code, description} {
		for _, s := range statuses {
			if strings.EqualFold(name, string(s)) {
				return s
			}
		}
	}
	return Unknown
}
