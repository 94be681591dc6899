package console

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"iothub-c2d/internal/sas"
)

// The environment variables of a back end that logs in with Microsoft Entra ID.
const (
	EnvHost         = "IOTHUB_HOST"
	EnvTokenCommand = "IOTHUB_TOKEN_COMMAND" //nolint:gosec // the name of a variable
)

// entraFlags are the flags of such a back end.
type entraFlags struct {
	host, tokenCommand string
	variables          []string // nil: this is no back end
}

func (e *entraFlags) add(f *pflag.FlagSet) {
	e.variables = []string{EnvHost, EnvTokenCommand}
	f.StringVar(&e.host, "host", "", "`NAME` of a hub to use with Microsoft Entra ID, in place of a connection string (or "+EnvHost+")")
	f.StringVar(&e.tokenCommand, "token-command", "", "run `CMD` in the shell, again for each new token; it prints one of Entra ID, within 30s (or "+EnvTokenCommand+")")
}

// login says which hub a run uses, and how it logs in.
type login struct {
	source   string // the flag or the place that says so; empty: none does, so the local hub is meant
	text     string // a connection string
	variable string // that has it; empty: the flag has
	host     string // of a hub that is used with Entra ID
	command  string // that prints a token of Entra ID; empty: a key or the like is used
}

// exclude returns an error if two flags are given that do not go together.
func (h *HubFlags) exclude() error {
	for _, pair := range [][2]string{
		{"local", "connection-string"}, {"host", "connection-string"}, {"host", "local"}, {"token-command", "connection-string"},
	} {
		if h.given(pair[0]) && h.given(pair[1]) {
			return Usagef("--%s and --%s exclude each other", pair[0], pair[1])
		}
	}
	return nil
}

// findLogin returns what the flags say, else the first place that says anything.
func (s *Settings) findLogin() (login, error) {
	f := &s.flags
	switch {
	case f.Local != "":
		return login{source: "--local", command: f.entra.tokenCommand}, nil
	case f.ConnectionString != "":
		return login{source: "--connection-string", text: f.ConnectionString}, nil
	case f.entra.host != "":
		return s.entraLogin("--host")
	case f.entra.tokenCommand != "":
		return s.entraLogin("--token-command")
	}
	for _, place := range s.places() {
		text, name := place.first(f.variables)
		entra, entraName := place.first(f.entra.variables)
		switch {
		case text != "" && entra != "":
			return login{}, Usage(fmt.Errorf("%s and %s are both set in %s", name, entraName, place.name),
				"one names a hub and a key, the other is for Microsoft Entra ID: take one out, or say which by a flag")
		case text != "":
			return login{source: place.name, text: text, variable: name}, nil
		case entra != "":
			return s.entraLogin(place.name)
		}
	}
	return login{}, nil
}

// entraLogin returns a login with Entra ID. The source has the name of the hub or the
// command; the other may come from a weaker one.
func (s *Settings) entraLogin(source string) (login, error) {
	e := &s.flags.entra
	host, noHost := s.trusted(e.host, EnvHost)
	command, noCommand := s.trusted(e.tokenCommand, EnvTokenCommand)
	l := login{source: source, host: host, command: command}
	switch {
	case noHost != nil:
		return login{}, noHost
	case noCommand != nil:
		return login{}, noCommand
	case l.host == "":
		return login{}, Usage(errors.New("a command that prints a token is given, but no hub"),
			"name the hub with --host or "+EnvHost+"; the local hub is --local")
	case !sas.ValidHost(l.host): // which is not quoted: it may be a connection string
		return login{}, Usage(errors.New("the name of the hub is no host name"), "it looks like myhub.azure-devices.net")
	case l.command == "":
		return login{}, Usage(errors.New("a hub is named, but no command that prints a token for it"),
			"give one with --token-command or "+EnvTokenCommand+": "+azCommand)
	}
	return l, nil
}

// trusted returns what a flag says, else its variable. A .env that nobody has named is
// no place for it: it may have come with the directory, from whoever wants a command to
// run here, or to be shown a token, which is good for all hubs of its owner.
func (s *Settings) trusted(flag, variable string) (string, error) {
	value, source := s.look(variable)
	switch {
	case flag != "":
		return flag, nil
	case source == defaultEnvFile && s.flags.EnvFile == "":
		return "", Usage(fmt.Errorf("%s in %s is not used, since nobody has named that file", variable, source),
			"name it if you trust it: --env-file "+source)
	}
	return value, nil
}

// azCommand prints a token as --token-command wants it.
const azCommand = "az account get-access-token --resource https://iothubs.azure.net --query accessToken -o tsv"

// place is somewhere that settings may be.
type place struct {
	name string
	get  func(variable string) string
}

// places returns where settings may be, the strongest first.
func (s *Settings) places() []place {
	return []place{
		{"the environment", os.Getenv},
		{cmp.Or(s.flags.EnvFile, defaultEnvFile), func(name string) string { return s.env[name] }},
	}
}

// first returns the value of the first of the variables that is set, and its name.
func (p place) first(variables []string) (value, name string) {
	for _, name := range variables {
		if v := p.get(name); v != "" {
			return v, name
		}
	}
	return "", ""
}
