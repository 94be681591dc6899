package console

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Item is a line of a list in the manual.
type Item struct{ Name, Text string }

// ExitStatus are the exit codes of both programs, as README and the man pages have
// them.
var ExitStatus = []Item{
	{"0", "done"},
	{"1", "a run-time failure, or a message in doubt: the hub may have it"},
	{"2", "wrong arguments or settings"},
	{"3", "the hub refused the credentials"},
	{"4", "the hub refused the message: unknown device, full queue, too large, ..."},
	{"5", "negative feedback: Rejected, Expired, DeliveryCountExceeded, Purged, or a status that nobody knows"},
	{"124", "time was up before the messages or the feedback were there"},
	{"129, 130, 143", "ended by SIGHUP (a closed terminal), SIGINT, SIGTERM: what was in hand is settled or given back"},
	{"141", "nobody reads the output any more (`| head`); likewise"},
}

// Variables are what the programs read from the environment, as README and the man
// pages have it.
var Variables = []Item{
	{EnvDevice, "`simulated-device`: the device's own connection string"},
	{EnvService, "the connection string of a policy: `send-c2d` needs *service connect*, `simulated-device --devices` *device connect*"},
	{EnvServiceAlt, "the same, under another name"},
	{EnvHost, "`send-c2d`: the name of a hub to use with Microsoft Entra ID, in place of a connection string"},
	{EnvTokenCommand, "`send-c2d`: a command that prints a token of Entra ID"},
	{EnvDeviceID, "the device to send to, and the device to be on a local hub"},
	{"NO_COLOR", "no colours, unless --color always"},
	{"HTTPS_PROXY, NO_PROXY", "the HTTP proxy to go by with --protocol amqp-ws"},
}

// hubVariables is where a command's annotations have the variables that it reads.
const hubVariables = "variables"

// annotate notes that a command reads the variables, and those that all clients do.
func annotate(cmd *cobra.Command, variables []string) {
	names := append(slices.Clone(variables), EnvDeviceID, "NO_COLOR", "HTTPS_PROXY, NO_PROXY")
	cmd.Annotations = map[string]string{hubVariables: strings.Join(names, "\n")}
}

// Environment returns the variables that a command reads. Each comes after its flag
// and before the .env file.
func Environment(cmd *cobra.Command) (list []Item) {
	names := []string{"NO_COLOR"}
	if text := cmd.Annotations[hubVariables]; text != "" {
		names = strings.Split(text, "\n")
	}
	for _, i := range Variables {
		if slices.Contains(names, i.Name) {
			list = append(list, i)
		}
	}
	return list
}

// Files returns the files that a command reads without being told to.
func Files(cmd *cobra.Command) []Item {
	if cmd.Annotations[hubVariables] == "" {
		return nil
	}
	return []Item{{defaultEnvFile, "settings, as NAME=value in lines, where the environment does not have them; `simulated-device hub --env-out .env` writes it"}}
}
