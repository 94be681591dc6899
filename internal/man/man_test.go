package man_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

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
