// Package man makes man pages of the help texts of commands. No program imports
// it: the pages are written by `make man`, which runs a test.
package man

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
)

// Write writes the pages of a program and of all its subcommands to a directory.
func Write(root *cobra.Command, dir string) error {
	root.InitDefaultCompletionCmd()
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // for everyone to read
		return fmt.Errorf("man pages: %w", err)
	}
	for _, cmd := range family(root) {
		path := filepath.Join(dir, name(cmd)+".1")
		if err := os.WriteFile(path, []byte(Page(cmd)), 0o644); err != nil { //nolint:gosec // for everyone to read
			return fmt.Errorf("man pages: %w", err)
		}
	}
	return nil
}

// family returns a command and all below it.
func family(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, below := range subcommands(cmd) {
		all = append(all, family(below)...)
	}
	return all
}

func subcommands(cmd *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(cmd.Commands()), func(c *cobra.Command) bool { return !c.IsAvailableCommand() })
}

// name returns the name of a command's page.
func name(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// Page returns the page of one command in section 1, in the macros of man(7).
func Page(cmd *cobra.Command) string {
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	var p page
	p.line(`.TH "%s" "1" "" "%s" "Cloud-to-device messages"`, strings.ToUpper(name(cmd)), cmd.Root().Name())
	p.section("NAME")
	p.text(name(cmd) + " - " + cmd.Short)
	p.section("SYNOPSIS")
	p.line(`\fB%s\fR`, escape(cmd.UseLine()))
	p.section("DESCRIPTION")
	p.text(cmd.Long)
	p.section("OPTIONS")
	p.options(cmd)
	p.list("EXIT STATUS", console.ExitStatus)
	p.list("ENVIRONMENT", console.Environment(cmd))
	p.list("FILES", console.Files(cmd))
	if cmd.HasExample() {
		p.section("EXAMPLES")
		p.text(cmd.Example)
	}
	if related := related(cmd); len(related) > 0 {
		p.section("SEE ALSO")
		p.line("%s", strings.Join(related, ", "))
	}
	return p.String()
}

// related returns references to the pages of the commands above and below cmd.
func related(cmd *cobra.Command) (pages []string) {
	reference := func(c *cobra.Command) { pages = append(pages, `\fB`+escape(name(c))+`\fR(1)`) }
	if cmd.HasParent() {
		reference(cmd.Parent())
	}
	for _, below := range subcommands(cmd) {
		reference(below)
	}
	return pages
}

// page is the text of a page as far as it is written.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.Builder, format+"\n", args...) }

func (p *page) section(title string) { p.line(".SH %s", title) }

// list writes a section with a list, if there is anything in it.
func (p *page) list(title string, items []console.Item) {
	if len(items) == 0 {
		return
	}
	p.section(title)
	for _, i := range items {
		p.line(".TP")
		p.line(`\fB%s\fR`, escape(i.Name))
		p.text(strings.NewReplacer("`", "", "*", "").Replace(i.Text)) // README's marks
	}
}

// text writes text as it is; a blank line ends a paragraph, and lines that begin with
// a space stay lines.
func (p *page) text(text string) {
	table := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if indented := strings.HasPrefix(line, " "); indented != table {
			table = indented
			p.line("%s", map[bool]string{true: ".EX", false: ".EE"}[table])
		}
		switch {
		case line == "":
			p.line(".PP")
		case strings.HasPrefix(line, "."): // it would begin a request
			p.line(`\&%s`, escape(line))
		default:
			p.line("%s", escape(line))
		}
	}
	if table {
		p.line(".EE")
	}
}

// options writes the flags of a command, under the titles that --help has.
func (p *page) options(cmd *cobra.Command) {
	groups := console.FlagGroups(cmd)
	for _, g := range groups {
		if len(groups) > 1 {
			p.line(".SS %s", g.Title)
		}
		for _, f := range g.Flags {
			p.flag(console.NewFlagHelp(f))
		}
	}
}

// flag writes one flag, its value and what it is for.
func (p *page) flag(f console.FlagHelp) {
	label := `\fB` + escape(f.Name) + `\fR`
	if f.Short != "" {
		label = `\fB` + escape(f.Short) + `\fR, ` + label
	}
	switch value := `\fI` + escape(f.Value) + `\fR`; {
	case f.Optional:
		label += "[=" + value + "]"
	case f.Value != "":
		label += " " + value
	}
	p.line(".TP")
	p.line("%s", label)
	p.text(f.Use)
}

// escape returns text that roff shows as it is. A bare hyphen may be shown as
// another character, which cannot be copied into a shell.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
}
