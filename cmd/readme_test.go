package cmd_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub/fault"
)

// TestReadmeAgrees: README has the exit codes, the variables and the faults that the
// tools and their man pages have.
func TestReadmeAgrees(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(text)
	for header, items := range map[string][]console.Item{
		"| code | meaning |": console.ExitStatus,
		"| variable | for |": console.Variables,
	} {
		var want []string
		for _, i := range items {
			name := i.Name
			if strings.Contains(header, "variable") {
				name = "`" + name + "`"
			}
			want = append(want, "| "+name+" | "+i.Text+" |")
		}
		if got := rows(readme, header); !slices.Equal(got, want) {
			t.Errorf("under %s\n got %q\nwant %q", header, got, want)
		}
	}
	for _, k := range fault.Kinds() {
		if !strings.Contains(readme, "`"+string(k.Name)+"`") {
			t.Errorf("README does not name the fault %s", k.Name)
		}
	}
}

// rows returns the rows of the table with the header.
func rows(text, header string) (list []string) {
	_, table, _ := strings.Cut(text, header+"\n")
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			break
		}
		list = append(list, strings.ReplaceAll(line, `\|`, "|")) // as a table needs it
	}
	return list[min(1, len(list)):] // without the rule
}
