package console

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Args returns a check that there are no more than n arguments. Cobra's own
// checks do not say what to do.
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
