package iothub_test

import (
	"errors"
	"strings"
	"testing"

	"iothub-c2d/internal/iothub"
)

// TestSendRefusesWhatIsNoText sends text that AMQP has no form for. It is an
// error at once, and the connection is as good as before.
func TestSendRefusesWhatIsNoText(t *testing.T) {
	t.Parallel()
	_, address := startHub(t, nil)
	service, err := iothub.DialService(t.Context(), serviceString(t, address), &iothub.Options{
		Lost: func(err error) { t.Errorf("connection lost: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close(t.Context())
	const bad = "J\xf6rg"
	for want, m := range map[string]iothub.Message{
		"message id is not UTF-8":              {ID: bad},
		"correlation id is not UTF-8":          {CorrelationID: bad},
		"user id is not UTF-8":                 {UserID: bad},
		"content type is not UTF-8":            {ContentType: bad},
		`content type "Jörg" is not ASCII`:     {ContentType: "Jörg"},
		`content encoding "Jörg" is not ASCII`: {ContentEncoding: "Jörg"},
		`property "name" is not UTF-8`:         {Properties: map[string]any{"name": bad}},
		`property "J\xf6rg" is not UTF-8`:      {Properties: map[string]any{bad: ""}},
	} {
		err := service.Send(t.Context(), "dev1", &m)
		if !errors.Is(err, iothub.ErrInvalidMessage) || errors.Is(err, iothub.ErrIndeterminate) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	good := iothub.Message{CorrelationID: "Jörg", Body: []byte(bad), Properties: map[string]any{"o": "ö"}}
	if err := service.Send(t.Context(), "dev1", &good); err != nil {
		t.Error(err)
	}
}
