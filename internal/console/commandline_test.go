package console

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestArgs(t *testing.T) {
	t.Parallel()
	cmd := &cobra.Command{Use: "tool", Run: func(*cobra.Command, []string) {}}
	cmd.AddCommand(&cobra.Command{Use: "hub", Run: func(*cobra.Command, []string) {}})
	for _, test := range []struct {
		n    int
		args []string
		hint string // empty: no error
	}{
		{0, nil, ""},
		{1, []string{"a"}, ""},
		{0, []string{"hbu"}, "did you mean hub?"},
		{0, []string{"zzzzzz"}, "run tool --help"},
		{1, []string{"a", "b"}, "in quotes"},
	} {
		err := new(Console).Args(test.n)(cmd, test.args)
		if (err == nil) != (test.hint == "") {
			t.Errorf("%d, %q: got %v", test.n, test.args, err)
		}
		if err != nil && (codeOf(err) != ExitUsage || !strings.Contains(new(Console).hintFor(err), test.hint)) {
			t.Errorf("%d, %q: got %v with hint %q, want %q", test.n, test.args, err, new(Console).hintFor(err), test.hint)
		}
	}
}

func TestEmptyFlags(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string // empty: no error
	}{
		{nil, ""},
		{[]string{"-c", "x", "--local"}, ""},
		{[]string{"-c", ""}, "--connection-string is empty"},
		{[]string{"--local="}, "--local is empty"},
		{[]string{"--list", "a", "--list", ""}, "--list is empty"},
	} {
		var h HubFlags
		cmd := &cobra.Command{Use: "tool"}
		h.Add(new(Console), cmd, "127.0.0.1:5672")
		cmd.Flags().StringArray("list", nil, "")
		if err := cmd.ParseFlags(test.args); err != nil {
			t.Fatal(err)
		}
		if err := new(Console).checkFlags(cmd.Flags()); test.want == "" && err != nil || test.want != "" && (err == nil || err.Error() != test.want) {
			t.Errorf("%q: got %v, want %q", test.args, err, test.want)
		}
	}
}

// tool returns a command with flags of all kinds, and one below it.
func tool(t *testing.T) *cobra.Command {
	t.Helper()
	run := func(*cobra.Command, []string) {}
	cmd := &cobra.Command{Use: "tool", Run: run}
	f := cmd.Flags()
	f.StringP("device-id", "d", "", "")
	f.BoolP("dry-run", "n", false, "")
	f.BoolP("quiet", "q", false, "")
	f.String("ttl", "", "")
	f.String("trace", "", "write to `FILE`")
	f.Lookup("trace").NoOptDefVal = "-"
	below := &cobra.Command{Use: "feedback", Run: run}
	below.Flags().Bool("peek", false, "")
	cmd.AddCommand(below, &cobra.Command{Use: "hub", Run: run}, &cobra.Command{Use: "purge", Run: run})
	return cmd
}

func TestFlagBefore(t *testing.T) {
	t.Parallel()
	flags := tool(t).Flags()
	for _, test := range []struct {
		line string
		word string
		want string // empty: none
	}{
		{"--trace x", "x", "trace"},
		{"-q --trace x", "x", "trace"},
		{"--trace x --trace y", "y", "trace"},
		{"--trace -q x", "x", ""},
		{"x --trace", "x", ""},
		{"--trace=y x", "x", ""},
		{"--quiet x", "x", ""},
		{"--ttl x", "x", ""},
		{"--unknown x", "x", ""},
		{"--trace -- x", "x", ""},
		{"-- --trace x", "x", ""},
		{"", "x", ""},
	} {
		c := &Console{CommandLine: strings.Fields(test.line)}
		got := ""
		if f := c.FlagBefore(flags, test.word); f != nil {
			got = f.Name
		}
		if got != test.want {
			t.Errorf("%q, %s: got %q, want %q", test.line, test.word, got, test.want)
		}
	}
}

func TestNearCommand(t *testing.T) {
	t.Parallel()
	cmd := tool(t)
	for word, want := range map[string]string{
		"feedbak": "feedback", "Feedback": "feedback", "feedabck": "feedback", "feedbacks": "feedback",
		"purg": "purge", "surge": "purge",
		"feed": "", "hubb": "", "": "", "purge the queue": "",
	} {
		if got := NearCommand(cmd, word); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

func TestFlagErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line string
		hint string // part of it
	}{
		{"--nonsense", "run tool --help"},
		{"--devce-id=x", "did you mean --device-id?"},
		{"--quite", "did you mean --quiet?"},
		{"--device=x", "did you mean --device-id?"},
		{"--peek", "--peek is a flag of tool feedback"},
		{"-quiet", "two dashes: --quiet"},
		{"-ttl", "two dashes: --ttl"},
		{"-x", "run tool --help"},
		{"-qx", "run tool --help"},
		{"-dry-run", "two dashes: --dry-run"},
		{"-d ry-run", ""},
		{"--device-id ry-run", ""},
		{"-d x", ""},
	} {
		cmd := tool(t)
		c := &Console{CommandLine: strings.Fields(test.line)}
		err := cmd.ParseFlags(c.CommandLine)
		if err != nil {
			err = flagError(cmd, err)
		} else {
			err = c.checkFlags(cmd.Flags())
		}
		if (err == nil) != (test.hint == "") || err != nil && (codeOf(err) != ExitUsage || !strings.Contains(new(Console).hintFor(err), test.hint)) {
			t.Errorf("%q: got %v, hint %q, want %q", test.line, err, new(Console).hintFor(err), test.hint)
		}
	}
}
