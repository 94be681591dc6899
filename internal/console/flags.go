package console

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError says what is wrong with a flag. Of a number that is none, the flag
// package says it in the words of Go.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	var number *strconv.NumError
	if errors.As(err, &invalid) && errors.As(err, &number) {
		err = fmt.Errorf("--%s takes a number, not %q", invalid.GetFlag().Name, invalid.GetValue())
	}
	return Usage(err, fmt.Sprintf("run %s --help", cmd.CommandPath()))
}

// checkFlags refuses flags that are given without a value. A script whose
// variable is empty must not end up at another hub, or do without a handler.
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
