package console

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"iothub-c2d/internal/spelling"
)

// Args returns a check that there are at most n arguments. Cobra's own checks do
// not say what to do.
func (c *Console) Args(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		for _, word := range args {
			if flag := c.FlagBefore(cmd.Flags(), word); flag != nil {
				return Usage(fmt.Errorf("unexpected argument %q", word), ValueHint(flag))
			}
		}
		const typo = 2 // letters that may be wrong
		cmd.SuggestionsMinimumDistance = typo
		if suggestions := cmd.SuggestionsFor(args[0]); len(suggestions) > 0 && n == 0 {
			return Usage(fmt.Errorf("unexpected argument %q", args[0]), "did you mean "+strings.Join(suggestions, ", or ")+"?")
		}
		hint := "run " + cmd.CommandPath() + " --help"
		if n > 0 {
			hint = "put a message with spaces in quotes"
		}
		return Usage(fmt.Errorf("unexpected argument %q", args[n]), hint)
	}
}

// FlagBefore returns the flag that stands directly before word on the command
// line, and takes a value only after =. Who writes that may have meant word to be
// the value. It is nil if there is no such flag.
func (c *Console) FlagBefore(flags *pflag.FlagSet, word string) *pflag.Flag {
	for i, arg := range c.CommandLine {
		if arg == "--" || i+1 == len(c.CommandLine) {
			break
		}
		name, long := strings.CutPrefix(arg, "--")
		if !long || c.CommandLine[i+1] != word {
			continue
		}
		if f := flags.Lookup(name); f != nil && f.NoOptDefVal != "" && f.Value.Type() != "bool" {
			return f
		}
	}
	return nil
}

// ValueHint says where a flag takes its value that may be left out.
func ValueHint(f *pflag.Flag) string {
	value, _ := pflag.UnquoteUsage(f)
	return fmt.Sprintf("--%s takes its value after =, as in --%[1]s=%s", f.Name, value)
}

// NearCommand returns the name of the command below cmd that word misspells by one
// letter, or "". Short names do not count: "hello" is not meant to be "help".
func NearCommand(cmd *cobra.Command, word string) string {
	const shortest = 5
	for _, below := range cmd.Commands() {
		name := below.Name()
		if len(name) >= shortest && below.IsAvailableCommand() && spelling.Distance(strings.ToLower(word), name) <= 1 {
			return name
		}
	}
	return ""
}

// flagError says what is wrong with a flag. Where a number is expected, the
// message of the flag package is about Go.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	var number *strconv.NumError
	if errors.As(err, &invalid) && errors.As(err, &number) {
		err = fmt.Errorf("--%s takes a number, not %q", invalid.GetFlag().Name, invalid.GetValue())
	}
	hint := fmt.Sprintf("run %s --help", cmd.CommandPath())
	var missing *pflag.NotExistError
	if errors.As(err, &missing) {
		if near := nearFlag(cmd, missing); near != "" {
			hint = near
		}
	}
	return Usage(err, hint)
}

// nearFlag guesses what is meant by a flag that does not exist. It returns "" if
// it cannot.
func nearFlag(cmd *cobra.Command, missing *pflag.NotExistError) string {
	if letters := missing.GetSpecifiedShortnames(); letters != "" {
		if name := oneDash(cmd.Flags(), letters); name != "" {
			return twoDashes + name
		}
		return ""
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	name := missing.GetSpecifiedName()
	var longer []string // such as --device-id for --device
	for _, n := range names {
		if strings.HasPrefix(n, name+"-") {
			longer = append(longer, "--"+n)
		}
	}
	if len(longer) > 0 {
		return "did you mean " + strings.Join(longer, ", or ") + "?"
	}
	const most = 2 // letters that may be wrong
	if near := spelling.Nearest(name, names, most); near != "" {
		return "did you mean --" + near + "?"
	}
	for _, other := range append(cmd.Commands(), cmd.Root()) {
		if other.Flags().Lookup(name) != nil {
			return fmt.Sprintf("--%s is a flag of %s", name, other.CommandPath())
		}
	}
	return ""
}

const twoDashes = "a long name takes two dashes: --"

// oneDash returns the flag whose long name was written with one dash. The letters
// are those from the first that is no shorthand.
func oneDash(flags *pflag.FlagSet, letters string) (name string) {
	flags.VisitAll(func(f *pflag.Flag) {
		before, ok := strings.CutSuffix(f.Name, letters)
		isShorthand := func(letter rune) bool { return flags.ShorthandLookup(string(letter)) != nil }
		if ok && len(letters) > 1 && strings.TrimLeftFunc(before, isShorthand) == "" {
			name = f.Name
		}
	})
	return name
}

// MayBeEmpty lets a flag have an empty value. See checkFlags.
func MayBeEmpty(f *pflag.Flag) {
	f.Annotations = map[string][]string{mayBeEmpty: nil}
}

const mayBeEmpty = "may be empty"

// checkFlags refuses flags with an empty value. A script whose variable is empty
// must not end up at another hub, or without a handler. It also refuses -dry-run,
// which the flag package takes for -d ry-run.
func (c *Console) checkFlags(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		_, mayBeEmpty := f.Annotations[mayBeEmpty]
		for _, value := range values(f) {
			name := f.Shorthand + value
			switch {
			case err != nil:
			case value == "" && !mayBeEmpty:
				err = Usagef("--%s is empty", f.Name)
			case f.Shorthand != "" && slices.Contains(c.CommandLine, "-"+name) && flags.Lookup(name) != nil:
				err = Usage(fmt.Errorf("-%s has one dash", name), twoDashes+name)
			}
		}
	})
	return err
}

// values returns the values that a flag was given.
func values(f *pflag.Flag) []string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	return []string{f.Value.String()}
}
