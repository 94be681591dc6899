package conformance_test

import (
	"os"
	"strings"
	"testing"

	"iothub-c2d/internal/conformance"
)

// TestChoices checks the local hub's list of choices against the beliefs: what a
// belief quotes of the list stands there word for word, and each item is quoted by a
// belief, or is known not to be seen from outside. An item that is added, or worded
// anew, needs a look at its belief.
func TestChoices(t *testing.T) {
	t.Parallel()
	items := choices(t)
	quoted := make([]bool, len(items))
	for _, b := range conformance.Beliefs() {
		if b.Choice == "" {
			continue
		}
		found := false
		for i, item := range items {
			if strings.Contains(item, b.Choice) {
				quoted[i], found = true, true
			}
		}
		if !found {
			t.Errorf("belief %q quotes what is not among the choices:\n%s", b.Name, b.Choice)
		}
	}
	used := make(map[string]bool) // the beginnings
	for i, item := range items {
		beginning := unseenBeginning(item)
		switch {
		case quoted[i] && beginning != "":
			t.Errorf("a belief quotes what is said not to be seen from outside: %s", item)
		case !quoted[i] && beginning == "":
			t.Errorf("no belief quotes the choice: %s", item)
		}
		used[beginning] = true
	}
	for beginning := range unseen {
		if !used[beginning] {
			t.Errorf("no choice begins with %q", beginning)
		}
	}
}

func unseenBeginning(item string) string {
	for beginning := range unseen {
		if strings.HasPrefix(item, beginning) {
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

// unseen are the choices that no client sees, by how they begin, and why that is.
var unseen = map[string]string{
	"The devices of [Options.Devices] are in the registry":            "they are set where the hub is started",
	"A device of [Options.Devices] may log in with its keys":          "likewise",
	"A token of Microsoft Entra ID is taken from HTTP requests":       "it takes such a token, which an account with a role on the hub prints",
	"A token that permits to read the registry also permits to query": "it takes a policy with that right alone, and another",
	"HTTP requests must be sent to one of these names":                "a real hub is reached by its own name only",
	"A connection by HTTP may wait two minutes":                       "these figures are to protect a laptop",
	"The clients can make the hub hold [Options.Memory]":              "likewise",
	"A client that has shown neither a good token nor":                "likewise",
	"When the hub closes, links are detached":                         "nobody closes a real hub",
}
