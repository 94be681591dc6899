package console

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	run := func(*cobra.Command, []string) {}
	cmd := &cobra.Command{Use: "tool [TEXT]", Example: "  tool x", Run: run}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringP("file", "f", "", "read `PATH`")
	f.StringArray("list", []string{"a"}, "of `WORD`s")
	Group(f, "Input")
	f.String("trace", "", "write to `FILE`")
	f.Lookup("trace").NoOptDefVal = "-"
	f.Int("count", 3, "so `many`")
	f.String("secret", "", "hidden")
	f.Lookup("secret").Hidden = true
	Group(f, "Output")
	f.Bool("help", false, "")
	f.Bool("fast", false, "hurry")
	cmd.AddCommand(&cobra.Command{Use: "below", Short: "Less", Run: run}, &cobra.Command{Use: "gone", Hidden: true, Run: run})
	var b bytes.Buffer
	cmd.SetOut(&b)
	if err := usage(cmd); err != nil {
		t.Fatal(err)
	}
	want := `Usage: tool [TEXT] [flags]

Examples:
  tool x

Commands (each has a --help):
  below       Less

Input:
  -f, --file PATH                    read PATH
      --list WORD                    of WORDs (default a)
Output:
      --trace[=FILE]                 write to FILE
      --count many                   so many (default 3)
      --fast                         hurry
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUsageOfCommandWithoutFlags(t *testing.T) {
	t.Parallel()
	cmd := &cobra.Command{Use: "tool"}
	cmd.AddCommand(&cobra.Command{Use: "below", Short: "Less", Run: func(*cobra.Command, []string) {}})
	cmd.Flags().Bool("help", false, "")
	var b bytes.Buffer
	cmd.SetOut(&b)
	if err := usage(cmd); err != nil {
		t.Fatal(err)
	}
	want := "Usage: tool COMMAND\n\nCommands (each has a --help):\n  below       Less\n\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUsageWithoutGroups(t *testing.T) {
	t.Parallel()
	cmd := &cobra.Command{Use: "tool", Run: func(*cobra.Command, []string) {}}
	cmd.Flags().Bool("fast", false, "hurry")
	var b bytes.Buffer
	cmd.SetOut(&b)
	if err := usage(cmd); err != nil {
		t.Fatal(err)
	}
	want := "Usage: tool [flags]\n\nFlags:\n      --fast                         hurry\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
