package iothub

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestDecodeFeedback(t *testing.T) {
	t.Parallel()
	at := time.Date(2015, 10, 29, 7, 59, 0, 977224900, time.UTC)
	tests := []struct {
		name, body string
		want       []Feedback
	}{
		{
			"Microsoft's documentation", `[{"originalMessageId":"0987654321","enqueuedTimeUtc":"2015-10-29T07:59:00.9772249Z","statusCode":"Success","description":"Success","deviceId":"123","deviceGenerationId":"abcdefghijklmnopqrstuvwxyz"}]`,
			[]Feedback{{"0987654321", Success, "Success", "123", "abcdefghijklmnopqrstuvwxyz", at}},
		},
		{
			"no status, as hubs sent Success in 2015", `[{"originalMessageId":"m","description":"Success"}]`,
			[]Feedback{{MessageID: "m", Status: Success, Description: "Success"}},
		},
		{"neither status nor description", `[{"originalMessageId":"m"}]`, []Feedback{{MessageID: "m", Status: Unknown}}},
		{
			"neither, but something", `[{"statusCode":true,"description":""},{"statusCode":{}},{"statusCode":"","description":" "}]`,
			[]Feedback{{Status: Unknown}, {Status: Unknown}, {Status: Unknown, Description: " "}},
		},
		{"status as a number in a string", `[{"statusCode":"4"},{"statusCode":"00"}]`, []Feedback{{Status: Purged}, {Status: Unknown, Description: "00"}}},
		{"numbers that are no status", `[{"statusCode":-1},{"statusCode":5},{"statusCode":1.5}]`, []Feedback{{Status: Unknown, Description: "-1"}, {Status: Unknown, Description: "5"}, {Status: Unknown, Description: "1.5"}}},
		{"numbers in other forms", `[{"statusCode":1.0},{"statusCode":2e0}]`, []Feedback{{Status: Expired}, {Status: DeliveryCountExceeded}}},
		{"status as a number", `[{"statusCode":2},{"statusCode":0}]`, []Feedback{{Status: DeliveryCountExceeded}, {Status: Success}}},
		{"status null", `[{"statusCode":null,"description":"Rejected"}]`, []Feedback{{Status: Rejected, Description: "Rejected"}}},
		{"status in other letters", `[{"statusCode":"deliverycountexceeded"}]`, []Feedback{{Status: DeliveryCountExceeded}}},
		{"description only, in other letters", `[{"description":"expired"}]`, []Feedback{{Status: Expired, Description: "expired"}}},
		{
			"a status of the future", `[{"statusCode":"Vanished"},{"statusCode":9,"description":"Purged"},{"statusCode":"Vanished","description":"gone"}]`,
			[]Feedback{{Status: Unknown, Description: "Vanished"}, {Status: Purged, Description: "Purged"}, {Status: Unknown, Description: "gone"}},
		},
		{
			"several", `[{"originalMessageId":"a","statusCode":"Expired"},{"originalMessageId":"b","statusCode":"Purged"}]`,
			[]Feedback{{MessageID: "a", Status: Expired}, {MessageID: "b", Status: Purged}},
		},
		{"none", `[]`, []Feedback{}},
		{"a time that is none", `[{"enqueuedTimeUtc":"yesterday","statusCode":"Success"}]`, []Feedback{{Status: Success}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeFeedback([]byte(tt.body))
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}

func TestDecodeFeedbackErrors(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "{}", "[1]", `[{"originalMessageId":1}]`, "[{]"} {
		if got, err := decodeFeedback([]byte(body)); err == nil || !strings.HasPrefix(err.Error(), "feedback message: ") {
			t.Errorf("decodeFeedback(%q) = %v, %v; want an error", body, got, err)
		}
	}
}

func FuzzDecodeFeedback(f *testing.F) {
	f.Add([]byte(`[{"originalMessageId":"m","statusCode":"Success","enqueuedTimeUtc":"2015-10-29T07:59:00.9772249Z"}]`))
	f.Add([]byte(`[{"statusCode":4}]`))
	f.Add([]byte(`[{"statusCode":-1,"description":""}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		records, err := decodeFeedback(body)
		for _, r := range records {
			if err != nil || r.Status == "" {
				t.Errorf("record %+v with error %v", r, err)
			}
		}
	})
}
