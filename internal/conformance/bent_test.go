package conformance_test

import (
	"slices"
	"strings"
	"testing"

	"iothub-c2d/internal/conformance"
	"iothub-c2d/internal/localhub"
)

// TestBentHub holds the beliefs against hubs each of which does one thing in another
// way. Just these beliefs must differ.
func TestBentHub(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		bend    bend
		differs []string
	}{
		{"rcv-settle-mode is first", bend{frame: stateless(firstMode)}, []string{"rcv-settle-mode second is echoed"}},
		{"an abandon is answered with released", bend{frame: releasedAnswers}, []string{"an abandon is answered with accepted"}},
		{
			"an abandon does not count",
			bend{frame: stateless(withCount(0))},
			[]string{"an abandon counts as a delivery", "modified with delivery-failed abandons"},
		},
		{"a detached link counts", bend{frame: countedDetach}, []string{"a link that is detached gives its messages back uncounted"}},
		{
			"a displaced link has a conflict",
			bend{frame: stateless(newCondition("amqp:link:stolen", "com.microsoft:link-creation-conflict"))},
			[]string{"a second receiver of a device displaces the first", "a connection over MQTT displaces a receiver over AMQP"},
		},
		{
			"a lost lock is not found",
			bend{frame: stateless(newCondition("com.microsoft:message-lock-lost", "amqp:not-found"))},
			[]string{
				"to complete a message whose lock has run out is refused",
				"to complete a message that has expired in the device's hands fails", "to complete a message that was purged fails",
			},
		},
		{
			"an unknown device is not allowed",
			bend{frame: stateless(unknownDeviceNotAllowed)},
			[]string{"a message to a device that is not registered is refused"},
		},
		{"a null property is refused", bend{frame: refusedNull}, []string{"a null property is taken"}},
		{"feedback names the module", bend{frame: namedModules}, []string{"feedback of a module carries the device's id"}},
		{"scopes are compared with case", bend{frame: strictScopes}, []string{"a token's scope is compared without case"}},
		{
			"a purge leaves locked messages",
			bend{text: replace(`"totalMessagesPurged":50`, `"totalMessagesPurged":0 `)},
			[]string{"a purge takes locked messages too"},
		},
		{
			"what comes again is not marked",
			bend{packet: withoutDup},
			[]string{
				"over MQTT a message that is not acknowledged comes again when its lock runs out",
				"over MQTT a message that is not acknowledged comes again in the next connection",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, localhub.Options{HostName: "localhost", FeedbackInterval: faithful}, func(t *testing.T, w *world) {
				w.plain()
				w.target.Dial = (&proxy{test.bend, w.dial, &w.served}).Dial
				report := w.run(nil)
				checkDiffering(t, report, test.differs)
				checkHidden(t, report, "localhost")
			})
		})
	}
}

// checkDiffering checks that just these beliefs differ, with what both hubs do and a
// trace, and all others hold.
func checkDiffering(t *testing.T, report *conformance.Report, want []string) {
	t.Helper()
	var got []string
	for _, r := range report.Results {
		switch r.Verdict {
		case conformance.Differs:
			got = append(got, r.Belief)
			if r.Hub == "" || r.Hub == r.Local || len(r.Trace) == 0 {
				t.Errorf("%s differs: this hub %q, the local hub %q, %d lines of trace", r.Belief, r.Hub, r.Local, len(r.Trace))
			}
		case conformance.Untried:
			if r.Why != "it needs TLS" {
				t.Errorf("%s could not be tried: %s", r.Belief, r.Why)
			}
		}
	}
	if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("these differ:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
