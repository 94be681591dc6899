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
	hub := setting{"setting", "the local hub", cmp.Or(s.flags.Local, s.flags.localAddress), cmp.Or(s.Source(), "default")}
	if text := s.ConnectionString(); text != "" {
		_, name, _ := s.look(s.flags.variables)
		hub.Name, hub.Value = cmp.Or(name, s.flags.variables[0]), text
	}
	device := setting{"setting", EnvDeviceID, "", "--device-id"}
	if f := flags.Lookup("device-id"); f != nil && f.Changed {
		device.Value = strings.Join(values(f), ", ")
	} else {
		device.Value, _, device.Source = s.look([]string{EnvDeviceID})
	}
	if device.Value == "" {
		return []setting{hub}
	}
	return []setting{hub, device}
}

// flagSettings returns the other flags that have a value, given or by default.
func (h *HubFlags) flagSettings(cmd *cobra.Command) (lines []setting) {
	elsewhere := []string{"connection-string", "device-id", "local", "print-config"}
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
