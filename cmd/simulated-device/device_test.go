package main

import (
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/value"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

func TestParseRule(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want rule // zero: no rule
	}{
		{"color=red:reject", rule{"color", "red", reject}},
		{"a=b=c:d:none", rule{"a", "b=c:d", none}},
		{"a=:abandon", rule{"a", "", abandon}},
		{"a==:complete", rule{"a", "=", complete}},
		{"a=:::complete", rule{"a", "::", complete}},
		{"", rule{}},
		{"a", rule{}},
		{"a:reject", rule{}},
		{"=b:reject", rule{}},
		{"a=b", rule{}},
		{"a=b:", rule{}},
		{"a=b:later", rule{}},
		{"a=b:Reject", rule{}},
	} {
		got, ok := parseRule(test.text)
		if ok != (test.want != rule{}) || ok && got != test.want {
			t.Errorf("%q: got %v, %v, want %v", test.text, got, ok, test.want)
		}
	}
}

// FuzzParseRule: a rule is taken apart so that it can be put together again.
func FuzzParseRule(f *testing.F) {
	for _, seed := range []string{"color=red:reject", "a=b=c:d:none", "=:", "a=b:later"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, ok := parseRule(text)
		if again := r.property + "=" + r.value + ":" + string(r.outcome); ok && again != text {
			t.Errorf("%q became %q", text, again)
		}
	})
}

func TestParseDevice(t *testing.T) {
	t.Parallel()
	key := defaults.Key()
	other := sas.NewKey([]byte("other"))
	for _, test := range []struct {
		text string
		id   string // empty: an error
		key  sas.Key
	}{
		{"one", "one", key},
		{"one=" + other.Base64(), "one", other},
		{"a=b=" + other.Base64(), "a=b", other},
		{"a:b.c%_#*?!(),=@$'=" + other.Base64(), "a:b.c%_#*?!(),=@$'", other},
		{"", "", key},
		{"two words", "", key},
		{"one=", "", key},
		{"one=!", "", key},
		{"=" + other.Base64(), "", key},
	} {
		got, err := parseDevice(test.text)
		if (err != nil) != (test.id == "") {
			t.Errorf("%q: got %v, %v", test.text, got.ID, err)
			continue
		}
		if err == nil && (got.ID != test.id || !got.Key.Equal(test.key)) {
			t.Errorf("%q: got id %q, key right: %v, want id %q", test.text, got.ID, got.Key.Equal(test.key), test.id)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	azure := localhub.Options{LockTimeout: time.Minute, DefaultTTL: time.Hour, MaxDeliveryCount: 10, MaxQueue: 50}
	faithful := azure
	faithful.FeedbackInterval = 15 * time.Second
	hasty := azure
	hasty.FeedbackInterval = time.Second
	for _, test := range []struct {
		args []string
		want localhub.Options
	}{
		{nil, azure},
		{[]string{"--faithful"}, faithful},
		{[]string{"--faithful", "--feedback-interval", "1s"}, hasty},
		{
			[]string{"--lock-timeout", "2", "--default-ttl", "3s", "--max-delivery-count", "4", "--max-queue", "5"},
			localhub.Options{LockTimeout: 2 * time.Second, DefaultTTL: 3 * time.Second, MaxDeliveryCount: 4, MaxQueue: 5},
		},
	} {
		var limits limitFlags
		f := pflag.NewFlagSet("test", pflag.ContinueOnError)
		limits.add(f)
		if err := f.Parse(test.args); err != nil {
			t.Fatal(err)
		}
		var got localhub.Options
		if err := limits.apply(&got); err != nil {
			t.Fatal(err)
		}
		if got.LockTimeout != test.want.LockTimeout || got.DefaultTTL != test.want.DefaultTTL ||
			got.MaxDeliveryCount != test.want.MaxDeliveryCount || got.MaxQueue != test.want.MaxQueue ||
			got.FeedbackInterval != test.want.FeedbackInterval {
			t.Errorf("%q: got %+v, want %+v", test.args, got, test.want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	got := environment(&iothub.Delivery{Received: iothub.Received{
		Message: iothub.Message{
			ID: "m", CorrelationID: "c", UserID: "u\x00v", ContentType: "ct", ContentEncoding: "ce",
			Properties: map[string]any{"two-words": "a\nb", "é": "x"},
		},
		DeliveryCount: 1, SequenceNumber: 2,
	}})
	want := []string{
		"C2D_MESSAGE_ID=m", "C2D_CORRELATION_ID=c", "C2D_USER_ID=uv", "C2D_CONTENT_TYPE=ct", "C2D_CONTENT_ENCODING=ce",
		"C2D_DELIVERY_COUNT=1", "C2D_SEQUENCE_NUMBER=2",
		"C2D_PROPERTY_two_words=a\nb", "C2D_PROPERTY__=x",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEnvironmentTellsTypes: what is no text has a type, null has no variable, and
// nothing is lost where two names make one variable.
func TestEnvironmentTellsTypes(t *testing.T) {
	t.Parallel()
	got := environment(&iothub.Delivery{Received: iothub.Received{Message: iothub.Message{
		ID: "7", IDType: "ulong", CorrelationID: "c", UserID: "/w==", UserIDType: "binary",
		Properties: map[string]any{"a-b": "x", "a_b": int32(5), "n": nil, "l": value.List{int64(1)}},
		Sequences:  []value.List{{}},
	}}})
	want := []string{
		"C2D_MESSAGE_ID=7", "C2D_CORRELATION_ID=c", "C2D_USER_ID=/w==", "C2D_CONTENT_TYPE=", "C2D_CONTENT_ENCODING=",
		"C2D_DELIVERY_COUNT=0", "C2D_SEQUENCE_NUMBER=0",
		"C2D_PROPERTY_a_b=x", "C2D_PROPERTY_a_b=5", "C2D_PROPERTY_l=[1]",
		`C2D_PROPERTIES={"a-b":"x","a_b":"5","l":"[1]","n":null}`,
		`C2D_TYPES={"C2D_MESSAGE_ID":"ulong","C2D_PROPERTY_a_b":"int","C2D_PROPERTY_l":{"list":"long"},"C2D_PROPERTY_n":"null","C2D_USER_ID":"binary","body":"sequences"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDecide: a rule compares texts, null is none of them, and what cannot be read is
// rejected whatever the rules say.
func TestDecide(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule       string
		v          any
		unreadable string
		want       outcome
	}{
		{"p=5:abandon", int32(5), "", abandon},
		{"p=5:abandon", "5", "", abandon},
		{"p=true:abandon", true, "", abandon},
		{"p=AP8=:abandon", []byte{0, 0xff}, "", abandon},
		{"p=[1]:abandon", value.List{int32(1)}, "", abandon},
		{"p=null:abandon", nil, "", complete},
		{"p=:abandon", nil, "", complete},
		{"p=:abandon", "", "", abandon},
		{"p=null:abandon", "null", "", abandon},
		{"p=5:abandon", int32(5), "it is no AMQP", reject},
	} {
		c := &console.Console{Out: io.Discard, Err: io.Discard}
		s, err := newSettler(c, settleFlags{otherwise: complete, rules: []string{test.rule}}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		d := &iothub.Delivery{Received: iothub.Received{Message: iothub.Message{Properties: map[string]any{"p": test.v}}, Unreadable: test.unreadable}}
		if got, err := s.decide(t.Context(), d); got != test.want || err != nil {
			t.Errorf("%s for %v, %q: got %s, %v, want %s", test.rule, test.v, test.unreadable, got, err, test.want)
		}
	}
}

func TestParseFormat(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"": true, "{{.Payload}}": true, "{{.Properties.color}}": true, "{{slice .Payload 0 2}}": true,
		"{{": false, "{{.Nothing}}": false, "{{.Payload.X}}": false, "{{nothing}}": false,
	} {
		if _, err := parseFormat(text); (err == nil) != ok {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
