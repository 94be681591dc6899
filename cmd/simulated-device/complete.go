package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/fault"
)

// completeDevices completes the devices of the local hub.
func (f *deviceFlags) completeDevices(ctx context.Context) ([]iothub.DeviceState, error) {
	settings, err := f.hub.Settings()
	if err != nil || settings.ConnectionString() != "" { // which names the device
		return nil, err
	}
	address, _, err := settings.LocalAddress()
	if err != nil {
		return nil, err
	}
	return iothub.Devices(ctx, defaults.ServiceString(address), console.MostCompletions, nil)
}

// completeFaults completes the last fault of a list. It adds no descriptions: with
// one, cobra's completion for bash does not complete what has a comma in it.
func completeFaults(_ *cobra.Command, _ []string, text string) (list []string, d cobra.ShellCompDirective) {
	before := text[:strings.LastIndex(text, ",")+1]
	for _, k := range fault.Kinds() {
		if word := before + string(k.Name); strings.HasPrefix(word, text) {
			list = append(list, word)
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeRule completes the outcome of a rule, PROP=VALUE:OUTCOME.
func completeRule(_ *cobra.Command, _ []string, text string) (list []string, d cobra.ShellCompDirective) {
	i := strings.LastIndex(text, ":")
	if i < 0 || !strings.Contains(text[:i], "=") {
		return nil, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	for _, o := range []outcome{complete, abandon, reject, none} {
		if word := text[:i+1] + string(o); strings.HasPrefix(word, text) {
			list = append(list, word)
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
