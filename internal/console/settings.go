package console

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/sas"
)

// The environment variables, which are also the ones of Microsoft's samples.
const (
	EnvDevice     = "IOTHUB_DEVICE_CONNECTION_STRING"
	EnvService    = "IOTHUB_CONNECTION_STRING"
	EnvServiceAlt = "IOTHUB_SERVICE_CONNECTION_STRING"
	EnvDeviceID   = "IOTHUB_DEVICE_ID"
)

// policyVariables have the connection string of a policy.
var policyVariables = []string{EnvService, EnvServiceAlt}

// HubFlags are the flags of a client that say which hub to use, and how to
// connect to it.
type HubFlags struct {
	ConnectionString string
	Local            string // address of a local hub; empty: --local is not given
	EnvFile          string
	Transport        TransportFlags
	entra            entraFlags

	// Policy reports whether the connection string must be that of a policy, also
	// where the command has variables for another; nil: it need not.
	Policy func() bool

	localAddress string                 // of the local hub where nothing else is given
	variables    []string               // of the connection string
	given        func(name string) bool // whether a flag is on the command line
}

// Add registers the flags of cmd, and those that every command has. The connection
// string comes from the first of the variables that is set; a back end, which has
// [EnvService] among them, may also log in with Microsoft Entra ID. The local hub is at
// localAddress unless a flag says otherwise.
func (h *HubFlags) Add(c *Console, cmd *cobra.Command, localAddress string, variables ...string) {
	f := cmd.Flags()
	f.SortFlags = false
	Group(f, "Flags")
	h.localAddress, h.variables, h.given = localAddress, variables, f.Changed
	f.StringVarP(&h.ConnectionString, "connection-string", "c", "", "connection `STRING` of the hub (better: environment or .env)")
	Alias(f, map[string]string{"login": "connection-string"}) // in the Azure CLI
	if slices.Contains(variables, EnvService) {
		h.entra.add(f)
	}
	read := append(slices.Clone(variables), h.entra.variables...)
	if h.Policy != nil {
		read = append(read, policyVariables...)
	}
	annotate(cmd, read)
	f.StringVar(&h.Local, "local", "", "use the local hub, without TLS, at `HOST:PORT` if given (default "+localAddress+")")
	f.Lookup("local").NoOptDefVal = localAddress
	f.StringVar(&h.EnvFile, "env-file", "", "read settings from `FILE` (default .env, if it is there)")
	h.Transport.add(f)
	Group(f, "Hub")
	c.AddOutput(cmd)
	h.Transport.addTrace(f)
	Group(f, "Output")
	c.AddFlags(cmd, "give up after this long, with exit code 124 (0: never)")
	h.addPrintConfig(c, cmd)
	Group(f, "Output")
}

// Settings returns the flags together with the environment and the .env file,
// which it reads.
func (h *HubFlags) Settings() (*Settings, error) {
	if h.given("sas-ttl") && h.Transport.SASTTL == 0 {
		return nil, Usagef("--sas-ttl 0 lets no token live")
	}
	if err := h.exclude(); err != nil {
		return nil, err
	}
	env, err := readEnvFile(h.EnvFile)
	if err != nil {
		return nil, err
	}
	s := &Settings{flags: *h, env: env}
	if h.Policy != nil && h.Policy() {
		s.flags.variables = policyVariables
	}
	s.login, err = s.findLogin()
	return s, err
}

// Settings say which hub to use, and how to connect to it. Each comes from its
// flag, else from the environment, else from the .env file.
type Settings struct {
	flags HubFlags
	env   map[string]string // of the .env file
	login login
}

// Get returns the first of the variables that is set, in the environment or else
// in the .env file.
func (s *Settings) Get(names ...string) string {
	value, _ := s.look(names...)
	return value
}

// look returns the value of the first of the variables that is set, and the place
// where it is set.
func (s *Settings) look(names ...string) (value, source string) {
	for _, place := range s.places() {
		if v, _ := place.first(names); v != "" {
			return v, place.name
		}
	}
	return "", ""
}

// ConnectionString returns the connection string of the flag, else of the first
// of its variables that is set. It is empty if [Settings.Host] is not, or if the local
// hub is meant: because --local says so, or because nothing says otherwise.
func (s *Settings) ConnectionString() string { return s.login.text }

// Host returns the name of a hub to use with Microsoft Entra ID, empty if there is
// none.
func (s *Settings) Host() string { return s.login.host }

// UsesEntra reports whether a run logs in with tokens of Microsoft Entra ID, that is,
// whether a command prints them. It may do so on the local hub as well.
func (s *Settings) UsesEntra() bool { return s.login.command != "" }

// Source says where the hub is named. It is empty if the local hub is meant because
// nothing says otherwise.
func (s *Settings) Source() string { return s.login.source }

// LocalAddress returns the address of the local hub, and whether the user asked
// for that hub. An address that is not of this machine is a usage error.
func (s *Settings) LocalAddress() (address string, asked bool, err error) {
	if s.flags.Local == "" {
		return s.flags.localAddress, false, nil
	}
	address = s.flags.Local
	if _, _, err := net.SplitHostPort(address); err != nil {
		_, port, _ := net.SplitHostPort(s.flags.localAddress) // our own constant
		address = net.JoinHostPort(strings.Trim(address, "[]"), port)
	}
	if !sas.ValidHost(address) || !sas.IsLoopback(address) {
		return "", true, Usage(fmt.Errorf("--local %q is no address of this machine", address), "it takes HOST:PORT, such as "+s.flags.localAddress)
	}
	return address, true, nil
}

// CheckDeviceID returns a usage error if no device can have the id. The error
// does not quote it: people have put connection strings there.
func CheckDeviceID(id string) error { return checkID("device", id) }

// CheckModuleID is [CheckDeviceID] for a module.
func CheckModuleID(id string) error { return checkID("module", id) }

func checkID(owner, id string) error {
	if sas.ValidDeviceID(id) {
		return nil
	}
	return Usage(fmt.Errorf("that is no %s id", owner), "it has 1 to 128 letters, digits and -:.+%_#*?!(),=@$'")
}
