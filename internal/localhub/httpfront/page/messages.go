package page

import (
	"encoding/json"
	"net/http"
	"time"

	"iothub-c2d/internal/localhub/broker"
)

// queueJSON is a part of a queue: the messages after a number.
type queueJSON[T any] struct {
	Now      time.Time `json:"now"`
	Total    int       `json:"total"`
	Messages []T       `json:"messages"`
}

// entryJSON is what messages to devices and of feedback have in common.
type entryJSON struct {
	Sequence      uint64     `json:"sequence"`
	Enqueued      *time.Time `json:"enqueued"`
	Expires       *time.Time `json:"expires"`
	LockedUntil   *time.Time `json:"lockedUntil"` // null: it is ready
	DeliveryCount int        `json:"deliveryCount"`
	Size          int        `json:"size"` // of the body, in bytes
}

type messageJSON struct {
	entryJSON
	ID              string         `json:"id"`
	CorrelationID   string         `json:"correlationId"`
	UserID          text           `json:"userId"`
	To              string         `json:"to"`
	ContentType     string         `json:"contentType"`
	ContentEncoding string         `json:"contentEncoding"`
	Ack             string         `json:"ack"`
	Properties      []propertyJSON `json:"properties"`
	Cut             bool           `json:"cut"` // there is more in it
}

type propertyJSON struct {
	Name  string  `json:"name"`
	Value *string `json:"value"` // null: there is none
}

type feedbackJSON struct {
	entryJSON
	Records []recordJSON `json:"records"`
}

type recordJSON struct {
	ID     string `json:"id"` // of the message
	Device string `json:"device"`
	Status string `json:"status"`
}

// bodyJSON is the body of a message. A message to a device comes with it, all of it.
type bodyJSON struct {
	text
	Message *messageJSON `json:"message,omitempty"`
}

// messages answers with the messages of a device or module, without their bodies. Of
// long ones it has the beginning: the page asks again and again.
func (p *Page) messages(r *http.Request) (any, *failure) {
	if r.URL.Query().Get("device") == "" {
		return nil, &failure{http.StatusBadRequest, "device is missing."}
	}
	return look(p, r, func(s broker.Seen) messageJSON { return showMessage(s, briefly()) })
}

// feedback answers with the feedback messages.
func (p *Page) feedback(r *http.Request) (any, *failure) {
	if r.URL.Query().Has("device") {
		return nil, &failure{http.StatusBadRequest, "The feedback of all devices is in one queue."}
	}
	return look(p, r, showFeedback)
}

// look answers with the queue that a request is about.
func look[T any](p *Page, r *http.Request, show func(broker.Seen) T) (any, *failure) {
	limit, err := rows(r)
	if err != nil {
		return nil, err
	}
	after, err := sequence(r, "after")
	if err != nil {
		return nil, err
	}
	q, err := p.queue(r)
	if err != nil {
		return nil, err
	}
	list, total := q.Look(after, limit)
	answer := queueJSON[T]{Now: time.Now().UTC(), Total: total, Messages: make([]T, 0, len(list))}
	for _, seen := range list {
		answer.Messages = append(answer.Messages, show(seen))
	}
	return answer, nil
}

func showEntry(s broker.Seen) entryJSON {
	return entryJSON{s.Sequence, at(s.Enqueued), at(s.Expires), at(s.LockedUntil), s.DeliveryCount, len(s.Message.Body)}
}

func showMessage(s broker.Seen, e *excerpt) messageJSON {
	m := s.Message
	shown := messageJSON{
		entryJSON: showEntry(s), ID: e.text(m.ID), CorrelationID: e.text(m.CorrelationID), UserID: textOf(m.UserID), To: e.text(m.To),
		ContentType: e.text(m.ContentType), ContentEncoding: e.text(m.ContentEncoding), Ack: string(m.Ack),
		Properties: []propertyJSON{},
	}
	shown.UserID.Text = e.text(shown.UserID.Text)
	for _, p := range m.Properties {
		if !e.next() {
			break
		}
		property := propertyJSON{Name: e.text(p.Name)}
		if !p.Null {
			property.Value = new(e.text(p.Value))
		}
		shown.Properties = append(shown.Properties, property)
	}
	shown.Cut = e.cut
	return shown
}

func showFeedback(s broker.Seen) feedbackJSON {
	shown := feedbackJSON{entryJSON: showEntry(s), Records: []recordJSON{}}
	var records []broker.Record
	_ = json.Unmarshal(s.Message.Body, &records) // the broker has made it
	for _, r := range records {
		shown.Records = append(shown.Records, recordJSON{r.OriginalMessageID, r.DeviceID, string(r.StatusCode)})
	}
	return shown
}

// body answers with the body of one message, of a device, a module or of feedback, and
// with the rest of the message.
func (p *Page) body(r *http.Request) (any, *failure) {
	n, err := sequence(r, "sequence")
	if err != nil {
		return nil, err
	}
	q, err := p.queue(r)
	if err != nil {
		return nil, err
	}
	seen, ok := q.Find(n)
	if !ok {
		return nil, &failure{http.StatusNotFound, "The message is not in the queue any more."}
	}
	answer := bodyJSON{text: textOf(seen.Message.Body)}
	if q != p.broker.Feedback() {
		answer.Message = new(showMessage(seen, wholly()))
	}
	return answer, nil
}
