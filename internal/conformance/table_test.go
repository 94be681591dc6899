package conformance_test

import (
	"flag"
	"os"
	"testing"

	"iothub-c2d/internal/conformance"
)

var update = flag.Bool("update", false, "write the table of TestTableIsCurrent anew")

// tableFile has the beliefs for people who do not run anything.
const tableFile = "../../.docs/conformance.md"

const tableHead = `# What this project believes of IoT Hub

Each line is a belief, its source, and what the local hub does: that all of them hold
for it is tested, over AMQP and WebSocket, as both gateways. The last two columns are
for a real hub. No machine that this was written on could reach one, so they are
empty. ` + "`make conformance`" + ` fills them in for yours; README.md says how to send the
result.

`

// TestTableIsCurrent checks that the table shows all beliefs as they are.
func TestTableIsCurrent(t *testing.T) {
	t.Parallel()
	var list []conformance.Result
	for _, b := range conformance.Beliefs() {
		list = append(list, conformance.Result{Belief: b.Name, Source: b.Source, Local: b.Local})
	}
	want := tableHead + conformance.Table(list)
	if *update {
		if err := os.WriteFile(tableFile, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is out of date: go test ./internal/conformance -run TestTableIsCurrent -args -update", tableFile)
	}
}

// TestBeliefs checks that each belief says all that the report needs, and that
// together they stay within what a run may send.
func TestBeliefs(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, b := range conformance.Beliefs() {
		if b.Name == "" || b.Source == "" || b.Local == "" || seen[b.Name] {
			t.Errorf("a belief without a name of its own, a source, or what the local hub does: %+v", b)
		}
		seen[b.Name] = true
	}
	if n := conformance.Messages(); n >= 300 {
		t.Errorf("a run sends %d messages, want fewer than 300", n)
	}
}
