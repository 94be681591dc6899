package conformance

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/sas"
)

func exampleReport() *Report {
	return &Report{
		Began: time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC), Took: 100 * time.Second, Protocol: "amqp", Messages: 7, Front: "as of old", Left: "remove device d: no answer",
		Results: []Result{
			{Belief: "one", Source: Inference, Local: "a|b", Hub: "a|b", Verdict: Holds},
			{Belief: "two", Source: "a document", Local: "amqp:not-found (404001)", Hub: "accepted", Verdict: Differs, Trace: []string{"-> this", "<- that"}},
			{Belief: "three", Source: Inference, Local: accepted, Verdict: Untried, Why: "it needs a device"},
		},
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	const want = "# Beliefs about IoT Hub, held against a hub\n" +
		"\n2026-11-26, 3 beliefs: 1 hold, 1 differ, 1 could not be tried; 7 messages over amqp in 1m40s. The front end: as of old.\n\n" +
		"| belief | source | local hub | this hub | verdict |\n|---|---|---|---|---|\n" +
		"| one | inference | a\\|b | a\\|b | holds |\n" +
		"| two | a document | amqp:not-found (404001) | accepted | differs |\n" +
		"| three | inference | accepted |  | could not be tried: it needs a device |\n" +
		"\n## two\n\nThis hub: accepted\n\nThe local hub: amqp:not-found (404001)\n\nSource: a document\n\n```\n-> this\n<- that\n```\n"
	if got := exampleReport().Markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := exampleReport().WriteText(&b); err != nil {
		t.Fatal(err)
	}
	const want = `holds               one
differs             two
                    this hub:  accepted
                    local hub: amqp:not-found (404001)
                    source:    a document
could not be tried  three
                    it needs a device

3 beliefs: 1 hold, 1 differ, 1 could not be tried; 7 messages over amqp in 1m40s.
Something is left on the hub:
remove device d: no answer
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	b, err := exampleReport().JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(b, &got); err != nil || len(got.Results) != 3 || got.Results[1].Hub != "accepted" {
		t.Errorf("%v: %s", err, b)
	}
}

// TestHidden wants neither the hub's name, nor that of a device or policy of the
// user's, nor a signature in a report, wherever a hub may have put them.
func TestHidden(t *testing.T) {
	t.Parallel()
	r := newRun(Target{
		Service: sas.ConnectionString{HostName: "Contoso.azure-devices.net:5671", KeyName: "back.end-"},
		Device:  sas.ConnectionString{DeviceID: "kitchen"},
	}, Options{})
	text := `Device kitchen at IotHub contoso: sr=CONTOSO.azure-devices.net%2Fdevices%2Fkitchen&sig=abc%2Fdef%3D&se=1&skn=back.end-`
	report := &Report{Left: text, Results: []Result{{Hub: text, Why: text, Trace: []string{text}}}}
	report.hide(r.secrets())
	b, err := report.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"contoso", "kitchen", "abc", "back.end"} {
		if strings.Contains(strings.ToLower(string(b)), hidden) {
			t.Errorf("%q is told in\n%s", hidden, b)
		}
	}
	if want := "Device DEVICE at IotHub HUB: sr=HUB%2Fdevices%2FDEVICE&sig=REDACTED&se=1&skn=POLICY"; report.Results[0].Hub != want {
		t.Errorf("got  %s\nwant %s", report.Results[0].Hub, want)
	}
}
