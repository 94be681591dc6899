package console

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"iothub-c2d/internal/iothub"
)

// MostCompletions is how many values a shell is offered at most.
const MostCompletions = 200

// completionTimeout is how long the tab key may take.
const completionTimeout = time.Second

// Complete makes shells complete the values of a flag of cmd by f.
func Complete(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	_ = cmd.RegisterFlagCompletionFunc(flag, f) // the flag exists, and has no other
}

// DeviceCompletion completes ids of the devices that list returns. Where it fails
// there are none: the tab key tells no errors.
func DeviceCompletion(list func(context.Context) ([]iothub.DeviceState, error)) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, text string) (ids []string, d cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
		defer cancel()
		all, _ := list(ctx)
		for _, d := range all {
			if strings.HasPrefix(d.ID, text) {
				ids = append(ids, d.ID)
			}
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeValues makes shells complete what the flags of cmd and of the commands
// below it take: words, files or directories. They complete nothing for others, and
// nothing for arguments.
func completeValues(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		choices, ok := f.Value.(interface{ Choices() []string })
		switch value, _ := pflag.UnquoteUsage(f); {
		case ok:
			Complete(cmd, f.Name, cobra.FixedCompletions(choices.Choices(), cobra.ShellCompDirectiveNoFileComp))
		case value == "DIR":
			_ = cmd.MarkFlagDirname(f.Name) // it exists
		case value == "FILE", value == "PATH", value == "":
		default:
			Complete(cmd, f.Name, cobra.NoFileCompletions)
		}
	})
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, below := range cmd.Commands() {
		completeValues(below)
	}
}

// checkCompletion makes cobra's command completion, and those below it, refuse arguments
// as all commands do. Else it answers the name of a shell that it does not know with its
// help and the exit code 0.
func (c *Console) checkCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	if err != nil || completion == root {
		return
	}
	completion.Use, completion.DisableFlagsInUseLine = "completion COMMAND", true
	completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	completion.Args = c.Args(0)
	for _, shell := range completion.Commands() {
		shell.Args = c.Args(0)
	}
}
