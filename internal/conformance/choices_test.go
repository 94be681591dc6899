package conformance_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"iothub-c2d/internal/conformance"
)

// TestChoices checks the local hub's list of choices against the beliefs: what a
// belief quotes of the list stands there word for word, and each sentence has a part
// that some belief quotes, or is known not to be seen from outside. A choice that is
// added, or worded anew, needs a look at its belief.
func TestChoices(t *testing.T) {
	t.Parallel()
	found := make(map[string]bool) // what beliefs quote
	used := make(map[string]bool)  // of unseen
	for _, item := range choices(t) {
		checkChoice(t, item, found, used)
	}
	for _, b := range conformance.Beliefs() {
		if b.Choice != "" && !found[b.Choice] {
			t.Errorf("belief %q quotes what is not among the choices: %s", b.Name, b.Choice)
		}
	}
	for _, list := range []map[string]string{unseen, unseenItems} {
		for beginning := range list {
			if !used[beginning] {
				t.Errorf("no choice begins with %q", beginning)
			}
		}
	}
}

// checkChoice checks one item of the list, and notes what of the other lists it has.
func checkChoice(t *testing.T, item string, found, used map[string]bool) {
	t.Helper()
	quoted := quotedParts(item, found)
	if beginning := beginningIn(unseenItems, item); beginning != "" {
		if used[beginning] = true; len(quoted) > 0 {
			t.Errorf("a belief quotes what is said not to be seen from outside: %s", item)
		}
		return
	}
	start := 0
	for _, sentence := range strings.SplitAfter(item, ". ") {
		beginning := beginningIn(unseen, sentence)
		seen := slices.ContainsFunc(quoted, func(q part) bool { return q.start < start+len(sentence) && start < q.end })
		switch {
		case seen && beginning != "":
			t.Errorf("a belief quotes what is said not to be seen from outside: %s", sentence)
		case !seen && beginning == "":
			t.Errorf("no belief quotes this choice, nor is it listed here as unseen: %s", sentence)
		}
		used[beginning] = true
		start += len(sentence)
	}
}

// part is a part of a text, by offsets.
type part struct{ start, end int }

// quotedParts returns the parts of an item that beliefs quote, and notes the quotes.
func quotedParts(item string, found map[string]bool) (parts []part) {
	for _, b := range conformance.Beliefs() {
		if i := strings.Index(item, b.Choice); i >= 0 && b.Choice != "" {
			parts = append(parts, part{i, i + len(b.Choice)})
			found[b.Choice] = true
		}
	}
	return parts
}

// beginningIn returns how a text begins, if the list has that.
func beginningIn(list map[string]string, text string) string {
	for beginning := range list {
		if strings.HasPrefix(text, beginning) {
			return beginning
		}
	}
	return ""
}

// choices returns the items of the list, each as one line.
func choices(t *testing.T) (items []string) {
	t.Helper()
	b, err := os.ReadFile("../localhub/doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "\n// # Choices\n")
	text, _, _ = strings.Cut(text, "\n// # ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "//"))
		if item, begins := strings.CutPrefix(line, "- "); begins {
			items = append(items, item)
		} else if line != "" && len(items) > 0 {
			items[len(items)-1] += " " + line
		}
	}
	if len(items) < 40 {
		t.Fatalf("%d choices, want 40 at least", len(items))
	}
	return items
}

// unseenItems are the choices that no client sees, by how they begin, and why that is.
var unseenItems = map[string]string{
	"The devices of [Options.Devices] are in the registry":        "they are set where the hub is started",
	"A device of [Options.Devices] may log in with its keys":      "likewise",
	"A token of Microsoft Entra ID is taken from HTTP requests":   "it takes such a token, of an account with a role on the hub",
	"A token that permits to read the registry also permits":      "it takes a policy with that right alone, and another",
	"HTTP requests must be sent to one of these names":            "a real hub is reached by its own name only",
	"A connection by HTTP may wait two minutes":                   "these figures are to protect a laptop",
	"The clients can make the hub hold [Options.Memory]":          "likewise",
	"A client that has shown neither a good token nor a device's": "likewise",
	"With a throttle, a burst is as much as the limit allows":     "to find a limit takes more messages than a run may send",
	"Over AMQP, a device connects with its first link":            "likewise, of connections",
	"The page needs no token":                                     "a real hub has no page",
	"Events are told to subscribers as they happen":               "nor does it tell events to anybody",
	"When the hub closes, links are detached":                     "nobody closes a real hub",
}

// unseen are sentences of other choices, likewise.
var unseen = map[string]string{
	"The log names the messages that a receiver had":   "a real hub shows no log",
	"What a link held may reach a client of MQTT":      "it may, or may not",
	"Of feedback that nobody reads, the oldest is":     "it takes more messages than a run may send",
	"Up to 50 are in flight.":                          "no queue holds more",
	"Feedback is sent at once unless":                  "it is known that IoT Hub does otherwise",
	"IoT Hub collects for 15 s, or 64 records.":        "it is documented, and nothing that the local hub chose",
	"The 15 s run from the message before":             "feedback of others would have to be counted, too",
	"The times of that, and of the last activity, are": "nobody restarts a real hub",
	"What a client says is quoted in 300 bytes":        "the text of an error means nothing to a client",
}
