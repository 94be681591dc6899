package console

import (
	"cmp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// setting is a line of --print-config.
type setting struct {
	Event  string `json:"event"`
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// addPrintConfig registers --print-config. With it a command shows its settings in
// place of doing its work.
func (h *HubFlags) addPrintConfig(c *Console, cmd *cobra.Command) {
	show := cmd.Flags().Bool("print-config", false, "show each setting, where it comes from, and no secrets; do nothing else")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if *show {
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return h.printConfig(c, cmd) }
		}
		return nil
	}
}

func (h *HubFlags) printConfig(c *Console, cmd *cobra.Command) error {
	s, err := h.Settings()
	if err != nil {
		return err
	}
	for _, line := range append(s.variables(cmd.Flags()), h.flagSettings(cmd)...) {
		if err := c.printSetting(line); err != nil {
			return err
		}
	}
	return nil
}

func (c *Console) printSetting(s setting) error {
	s.Value = scrub(s.Value)
	if c.Output == OutputJSON {
		return c.PrintJSON(s)
	}
	return c.PrintLine("%-34s %s  (%s)", s.Name, s.Value, s.Source)
}

// variables returns the settings that are variables of the environment.
func (s *Settings) variables(flags *pflag.FlagSet) []setting {
	lines := []setting{s.hubSetting()}
	if s.UsesEntra() { // the command may have a password in it
		command := setting{"setting", EnvTokenCommand, "a command, which is not shown", "--token-command"}
		if s.flags.entra.tokenCommand == "" {
			_, command.Source = s.look(EnvTokenCommand)
		}
		lines = append(lines, command)
	}
	device := setting{"setting", EnvDeviceID, "", "--device-id"}
	if f := flags.Lookup("device-id"); f != nil && f.Changed {
		device.Value = strings.Join(values(f), ", ")
	} else if fleet := flags.Lookup("devices"); fleet == nil || !fleet.Changed { // a fleet has ids of its own
		device.Value, device.Source = s.look(EnvDeviceID)
	}
	if device.Value == "" {
		return lines
	}
	return append(lines, device)
}

// hubSetting returns the setting that names the hub.
func (s *Settings) hubSetting() setting {
	switch l := &s.login; {
	case l.text != "":
		return setting{"setting", cmp.Or(l.variable, s.flags.variables[0]), l.text, l.source}
	case s.flags.entra.host != "":
		return setting{"setting", EnvHost, l.host, "--host"}
	case l.host != "":
		_, source := s.look(EnvHost)
		return setting{"setting", EnvHost, l.host, source}
	}
	return setting{"setting", "the local hub", cmp.Or(s.flags.Local, s.flags.localAddress), cmp.Or(s.Source(), "default")}
}

// flagSettings returns the other flags that have a value, given or by default.
func (h *HubFlags) flagSettings(cmd *cobra.Command) (lines []setting) {
	elsewhere := []string{"connection-string", "host", "token-command", "device-id", "local", "print-config"}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		text, source := strings.Join(values(f), ", "), "default"
		if f.Changed {
			source = "command line"
		}
		if slices.Contains(elsewhere, f.Name) || !f.Changed && slices.Contains(noDefault, text) {
			return
		}
		if f.Name == "proxy" {
			text = h.Transport.maskProxy()
		}
		lines = append(lines, setting{"setting", "--" + f.Name, text, source})
	})
	return lines
}
