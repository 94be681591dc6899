package console

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// completeChoices makes shells complete the words of every flag that takes one
// of a few, in cmd and the commands below it.
func completeChoices(cmd *cobra.Command) {
	register := func(f *pflag.Flag) {
		value, ok := f.Value.(interface{ Choices() []string })
		if !ok {
			return
		}
		// It fails for a flag that has a completion, which is as well.
		_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(value.Choices(), cobra.ShellCompDirectiveNoFileComp))
	}
	cmd.Flags().VisitAll(register)
	for _, below := range cmd.Commands() {
		completeChoices(below)
	}
}
