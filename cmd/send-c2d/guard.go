package main

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/sas"
)

// takeArgument takes the message from the command line. What stands behind --, or
// is given by --message, is a message whatever it looks like.
func (m *messageFlags) takeArgument(c *console.Console, cmd *cobra.Command, args []string) error {
	switch {
	case m.given("message") && len(args) > 0:
		return console.Usagef("the message is given twice: as an argument and by --message")
	case m.given("message"):
		m.arguments = []string{m.text}
	case len(args) == 0:
	case cmd.ArgsLenAtDash() == 0:
		m.arguments = args
	case args[0] == "-" && m.file == "":
		m.file = args[0]
	default:
		m.arguments = args
		return checkMessage(c, cmd, args[0])
	}
	return nil
}

// checkMessage refuses a message that was hardly meant as one: it would reach a
// device, and may hold a key.
func checkMessage(c *console.Console, cmd *cobra.Command, text string) error {
	const anyway = "as a message it goes after -- or --message"
	if isCredential(text) {
		return console.Usage(errors.New("MESSAGE is a connection string or a token, which is no device's business"),
			"name the hub with -c, in "+console.EnvService+" or in .env; "+anyway)
	}
	if flag := c.FlagBefore(cmd.Flags(), text); flag != nil && isValueOf(flag.Name, text) {
		return console.Usage(fmt.Errorf("MESSAGE %q looks like the value of --%s", text, flag.Name), console.ValueHint(flag)+"; "+anyway)
	}
	if name := console.NearCommand(cmd, text); name != "" {
		return console.Usage(fmt.Errorf("MESSAGE %q looks like the command %s", text, name), fmt.Sprintf("did you mean %s %s? %s", cmd.CommandPath(), name, anyway))
	}
	if typographicFlag.MatchString(text) {
		return console.Usage(fmt.Errorf("MESSAGE %q looks like a flag with a typographic dash", text), "write it with hyphens; "+anyway)
	}
	return nil
}

// credential matches connection strings, with what may have been copied along
// with them, shared access signatures and JSON Web Tokens.
var credential = regexp.MustCompile(`(?i)^\W*([\w ]+[:=]\W*)?(Gateway)?HostName\s*=|SharedAccess(Key|Signature)\s*=|SharedAccessSignature\s+s[rie]|(^|&)sig=|^\W*(Bearer )?eyJ[\w-]+\.[\w-]+\.`)

// isCredential reports whether text is a connection string or a token. JSON that
// holds one has been written on purpose.
func isCredential(text string) bool {
	return credential.MatchString(text) && !strings.HasPrefix(strings.TrimSpace(text), "{")
}

// typographicFlag matches what word processors make of -p and --ttl.
var typographicFlag = regexp.MustCompile(`^[\x{2010}-\x{2015}\x{2212}]-?\pL[\pL-]*$`)

// isValueOf reports whether text looks like a value of the flag, which takes one
// only after =.
func isValueOf(flag, text string) bool {
	switch flag {
	case "local":
		return isAddress(text)
	case "trace":
		return isFileName(text)
	}
	return false
}

// isAddress reports whether text looks like HOST:PORT, or is a name of this
// machine.
func isAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return sas.IsLoopback(text)
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil && (host == "" || sas.ValidHost(text))
}

var fileName = regexp.MustCompile(`^[^\s"{}<>|*?]*([/\\][^\s"{}<>|*?]*|[^\s"{}<>|*?.]\.[A-Za-z][A-Za-z0-9]{0,4})$`)

// isFileName reports whether text looks like the name of a file: it has a path or
// an extension.
func isFileName(text string) bool {
	return fileName.MatchString(text) && !strings.Contains(text, "://")
}
