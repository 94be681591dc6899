package console

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// groupKey is where a flag's annotations have the title of its group.
const groupKey = "group"

// Group puts the flags that are in no group yet under a title in the help.
func Group(f *pflag.FlagSet, title string) {
	f.VisitAll(func(flag *pflag.Flag) {
		if flag.Annotations[groupKey] != nil {
			return
		}
		_ = f.SetAnnotation(flag.Name, groupKey, []string{title}) // it exists
	})
}

// FlagGroup is some flags under a title.
type FlagGroup struct {
	Title string
	Flags []*pflag.Flag
}

// FlagGroups returns the flags of a command that are not hidden, in the order in
// which they were added. Those without a group belong to the last one.
func FlagGroups(cmd *cobra.Command) []FlagGroup {
	groups := []FlagGroup{}
	var rest []*pflag.Flag
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" {
			return
		}
		titles := f.Annotations[groupKey]
		if titles == nil {
			rest = append(rest, f)
			return
		}
		i := slices.IndexFunc(groups, func(g FlagGroup) bool { return g.Title == titles[0] })
		if i < 0 {
			i, groups = len(groups), append(groups, FlagGroup{Title: titles[0]})
		}
		groups[i].Flags = append(groups[i].Flags, f)
	})
	if len(groups) == 0 {
		groups = []FlagGroup{{Title: "Flags"}}
	}
	last := &groups[len(groups)-1]
	last.Flags = append(last.Flags, rest...)
	return groups
}

// FlagHelp is what a help text says of a flag.
type FlagHelp struct {
	Name     string // such as "--trace"
	Short    string // such as "-o", empty if there is none
	Value    string // such as "FILE", empty if it takes none
	Optional bool   // Value may be left out, and stands after = if it is given
	Use      string
}

// NewFlagHelp returns the help for a flag.
func NewFlagHelp(f *pflag.Flag) FlagHelp {
	value, use := pflag.UnquoteUsage(f)
	h := FlagHelp{Name: "--" + f.Name, Value: value, Optional: value != "" && f.NoOptDefVal != "", Use: use}
	if f.Shorthand != "" {
		h.Short = "-" + f.Shorthand
	}
	if value := strings.Trim(f.DefValue, "[]"); !slices.Contains(noDefault, value) {
		h.Use += " (default " + value + ")"
	}
	return h
}

// noDefault are the defaults that go without saying.
var noDefault = []string{"", "0", "false"}

// label returns the flag as it is written.
func (h FlagHelp) label() string {
	switch {
	case h.Value == "":
		return h.Name
	case h.Optional:
		return h.Name + "[=" + h.Value + "]"
	}
	return h.Name + " " + h.Value
}

// usage prints how a command is used. It is what --help shows below the
// description.
func usage(cmd *cobra.Command) error {
	var b strings.Builder
	line := cmd.UseLine()
	if !cmd.Runnable() { // it only has others below it
		line = cmd.CommandPath() + " COMMAND"
	}
	fmt.Fprintf(&b, "Usage: %s\n", line)
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	var commands []*cobra.Command
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() && below.Name() != "help" {
			commands = append(commands, below)
		}
	}
	if len(commands) > 0 {
		fmt.Fprintf(&b, "\nCommands (each has a --help):\n")
	}
	for _, below := range commands {
		fmt.Fprintf(&b, "  %-12s%s\n", below.Name(), below.Short)
	}
	b.WriteString("\n")
	for _, g := range FlagGroups(cmd) {
		g.write(&b)
	}
	_, err := io.WriteString(cmd.OutOrStdout(), b.String())
	return err
}

// write writes a group without --help: whoever reads it knows that flag.
func (g FlagGroup) write(b *strings.Builder) {
	flags := slices.DeleteFunc(slices.Clone(g.Flags), func(f *pflag.Flag) bool { return f.Name == "help" })
	if len(flags) > 0 {
		fmt.Fprintf(b, "%s:\n", g.Title)
	}
	for _, f := range flags {
		h := NewFlagHelp(f)
		short := h.Short
		if short != "" {
			short += ","
		}
		fmt.Fprintf(b, "  %-3s %-30s %s\n", short, h.label(), h.Use)
	}
}
