package man_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/man"
)

func run(*cobra.Command, []string) {}

func TestPage(t *testing.T) {
	t.Parallel()
	root := &cobra.Command{
		Use: "tool [TEXT]", Short: "Do it", Run: run,
		Long:    "tool does it.\n\n.this line is no request\n'nor this",
		Example: `  tool 'a\b' ~/x`,
	}
	f := root.Flags()
	f.SortFlags = false
	f.StringP("file", "f", "", "read `PATH` - or not")
	f.String("trace", "", "write to `FILE`")
	f.Lookup("trace").NoOptDefVal = "-"
	f.Int("count", 3, "so often")
	f.Bool("fast", false, "hurry")
	f.String("secret", "", "hidden")
	f.Lookup("secret").Hidden = true
	root.AddCommand(&cobra.Command{Use: "below", Short: "Less", Run: run}, &cobra.Command{Use: "gone", Hidden: true, Run: run})
	want := `.TH "TOOL" "1" "" "tool" "Cloud-to-device messages"
.SH NAME
tool \- Do it
.SH SYNOPSIS
\fBtool [TEXT] [flags]\fR
.SH DESCRIPTION
tool does it.
.PP
\&.this line is no request
\(aqnor this
.SH OPTIONS
.TP
\fB\-f\fR, \fB\-\-file\fR \fIPATH\fR
read PATH \- or not
.TP
\fB\-\-trace\fR[=\fIFILE\fR]
write to FILE
.TP
\fB\-\-count\fR \fIint\fR
so often (default 3)
.TP
\fB\-\-fast\fR
hurry
.TP
\fB\-h\fR, \fB\-\-help\fR
help for tool
.SH EXIT STATUS
` + exitStatus(t) + `.SH ENVIRONMENT
.TP
\fBNO_COLOR\fR
no colours, unless \-\-color always
.SH EXAMPLES
.EX
  tool \(aqa\eb\(aq \(ti/x
.EE
.SH SEE ALSO
\fBtool\-below\fR(1)
`
	if diff := cmp.Diff(want, man.Page(root)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// exitStatus returns the list of exit codes, which the page has from the console.
func exitStatus(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, i := range console.ExitStatus {
		text := strings.NewReplacer("`", "", "-", `\-`).Replace(i.Text)
		fmt.Fprintf(&b, ".TP\n\\fB%s\\fR\n%s\n", i.Name, text)
	}
	if !strings.Contains(b.String(), "\\fB0\\fR\ndone\n") {
		t.Errorf("0 is not done in:\n%s", b.String())
	}
	return b.String()
}

// TestPageOfClient: a command that uses a hub tells the variables and the file with
// its settings. A table stays one.
func TestPageOfClient(t *testing.T) {
	t.Parallel()
	cmd := &cobra.Command{Use: "tool", Run: run, Long: "It does:\n\n  a  1\n  b  2\n\nThat is all."}
	new(console.HubFlags).Add(new(console.Console), cmd, "127.0.0.1:5672", console.EnvService)
	page := man.Page(cmd)
	for _, want := range []string{
		"It does:\n.PP\n.EX\n  a  1\n  b  2\n.EE\n.PP\nThat is all.\n",
		".SS Hub\n.TP\n\\fB\\-c\\fR, \\fB\\-\\-connection\\-string\\fR \\fISTRING\\fR\n",
		"\\fB\\-\\-local\\fR[=\\fIHOST:PORT\\fR]\n",
		".SH ENVIRONMENT\n.TP\n\\fBIOTHUB_CONNECTION_STRING\\fR\nthe connection string of a policy: send\\-c2d needs service connect, simulated\\-device \\-\\-devices device connect\n",
		"\\fBIOTHUB_DEVICE_ID\\fR\n",
		".SH FILES\n.TP\n\\fB.env\\fR\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in:\n%s", want, page)
		}
	}
	if strings.Contains(page, "IOTHUB_DEVICE_CONNECTION_STRING") {
		t.Error("the variable of a device")
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	root := &cobra.Command{Use: "tool", Run: run}
	below := &cobra.Command{Use: "below", Run: run}
	below.AddCommand(&cobra.Command{Use: "deep", Run: run})
	root.AddCommand(below)
	dir := filepath.Join(t.TempDir(), "new", "man")
	if err := man.Write(root, dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	for _, want := range []string{"tool.1", "tool-below.1", "tool-below-deep.1", "tool-completion.1"} {
		if !slices.Contains(names, want) {
			t.Errorf("no page %s in %q", want, names)
		}
	}
	if err := man.Write(root, filepath.Join(dir, "tool.1")); err == nil {
		t.Error("a file was taken for a directory")
	}
}
