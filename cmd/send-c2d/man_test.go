package main

import (
	"cmp"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/man"
)

var manDir = flag.String("man", "", "the directory that TestManPages writes to (default a temporary one)")

// TestManPages writes the man pages. It is also how they are made for a release:
// see the Makefile.
func TestManPages(t *testing.T) {
	t.Parallel()
	dir := cmp.Or(*manDir, t.TempDir())
	if err := man.Write(newCommand(new(console.Console)), dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"send-c2d", "send-c2d-feedback", "send-c2d-purge", "send-c2d-queue"} {
		page, err := os.ReadFile(filepath.Join(dir, name+".1"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH EXIT STATUS", ".SH ENVIRONMENT", ".SH EXAMPLES", `\-\-timeout\fR \fIduration\fR`} {
			if !strings.Contains(string(page), want) {
				t.Errorf("%s: no %q", name, want)
			}
		}
	}
}
