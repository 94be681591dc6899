package console

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Args returns a check that there are at most n arguments. Cobra's own checks do
// not say what to do.
func Args(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		const typo = 2 // letters that may be wrong
		cmd.SuggestionsMinimumDistance = typo
		if suggestions := cmd.SuggestionsFor(args[0]); len(suggestions) > 0 && n == 0 {
			return Usage(fmt.Errorf("unexpected argument %q", args[0]), "did you mean "+strings.Join(suggestions, ", or ")+"?")
		}
		hint := "run " + cmd.CommandPath() + " --help; --local takes its address after =, as in --local=HOST:PORT"
		if n > 0 {
			hint = "put a message with spaces in quotes; --local takes its address after =, as in --local=HOST:PORT"
		}
		return Usage(fmt.Errorf("unexpected argument %q", args[n]), hint)
	}
}

// flagError says what is wrong with a flag. Where a number is expected, the
// message of the flag package is about Go.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	var number *strconv.NumError
	if errors.As(err, &invalid) && errors.As(err, &number) {
		err = fmt.Errorf("--%s takes a number, not %q", invalid.GetFlag().Name, invalid.GetValue())
	}
	return Usage(err, fmt.Sprintf("run %s --help", cmd.CommandPath()))
}

// checkFlags refuses flags with an empty value. A script whose variable is empty
// must not end up at another hub, or without a handler.
func checkFlags(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		if err == nil && isEmpty(f.Value) {
			err = Usagef("--%s is empty", f.Name)
		}
	})
	return err
}

func isEmpty(v pflag.Value) bool {
	if list, ok := v.(pflag.SliceValue); ok {
		return slices.Contains(list.GetSlice(), "")
	}
	return v.String() == ""
}

// ChoiceValue is a flag value that takes one of a few words.
type ChoiceValue[T ~string] struct {
	value   *T
	choices []T
}

// Choice returns a flag value that stores one of the choices in value.
func Choice[T ~string](value *T, choices ...T) *ChoiceValue[T] {
	return &ChoiceValue[T]{value, choices}
}

// Set stores s if it is one of the choices.
func (c *ChoiceValue[T]) Set(s string) error {
	if !slices.Contains(c.choices, T(s)) {
		return fmt.Errorf("%q is not one of %s", s, strings.Join(c.Choices(), ", "))
	}
	*c.value = T(s)
	return nil
}

// Choices returns the words.
func (c *ChoiceValue[T]) Choices() []string {
	words := make([]string, len(c.choices))
	for i, w := range c.choices {
		words[i] = string(w)
	}
	return words
}

func (c *ChoiceValue[T]) String() string { return string(*c.value) }

// Type names the value in help texts.
func (c *ChoiceValue[T]) Type() string { return "word" }

// completeChoices makes shells complete the words of every flag that takes one
// of a few, in cmd and the commands below it.
func completeChoices(cmd *cobra.Command) {
	register := func(f *pflag.Flag) {
		value, ok := f.Value.(interface{ Choices() []string })
		if !ok {
			return
		}
		// It fails only if the flag has a completion already.
		_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(value.Choices(), cobra.ShellCompDirectiveNoFileComp))
	}
	cmd.Flags().VisitAll(register)
	for _, below := range cmd.Commands() {
		completeChoices(below)
	}
}

// Duration is a flag's duration: Go's notation, or a bare number of seconds.
type Duration time.Duration

// Set parses s.
func (d *Duration) Set(s string) error {
	v, err := ParseDuration(s)
	if err != nil {
		return err
	}
	*d = Duration(v)
	return nil
}

// String returns Go's notation. Help texts leave a default of "0" out.
func (d *Duration) String() string {
	if *d == 0 {
		return "0"
	}
	return time.Duration(*d).String()
}

// Type names the value in help texts.
func (*Duration) Type() string { return "duration" }

// ParseDuration parses Go's notation, or a bare number of seconds. A negative
// duration is an error: no flag has a use for one.
func ParseDuration(s string) (time.Duration, error) {
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		if !(n >= 0 && n < math.MaxInt64/float64(time.Second)) {
			return 0, fmt.Errorf("%q is out of range", s)
		}
		return time.Duration(n * float64(time.Second)), nil
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration such as 10s, 2m or 1h30m, or a number of seconds", s)
	case d < 0:
		return 0, fmt.Errorf("%q is negative", s)
	}
	return d, nil
}
