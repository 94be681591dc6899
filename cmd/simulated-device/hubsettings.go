package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/joho/godotenv"
	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// settingsFlags say where a hub gives the settings for its clients.
type settingsFlags struct {
	file  string // empty: standard output
	force bool
}

func (s *settingsFlags) add(f *pflag.FlagSet) {
	f.StringVar(&s.file, "env-out", "", "write the settings for both tools to `FILE` (default standard output)")
	f.BoolVar(&s.force, "force", false, "let --env-out replace a file that a hub has not written")
}

// firstLine is how a file begins that may be replaced.
const firstLine = "# Written by simulated-device hub --env-out, which may replace it.\n"

// check returns an error if the file is somebody else's. It is called before the
// hub starts, and when it is ready: the hub may have waited for its port.
func (s *settingsFlags) check() error {
	if s.file == "" && s.force {
		return console.Usage(errors.New("--force without --env-out has nothing to replace"), "add --env-out FILE")
	}
	if s.file == "" {
		return nil
	}
	switch info, err := os.Stat(s.file); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && !info.Mode().IsRegular():
		return console.Usagef("--env-out: %s is not a regular file", s.file)
	case s.force:
		return nil
	}
	text, err := os.ReadFile(s.file)
	switch {
	case err != nil:
		return console.Usage(fmt.Errorf("--env-out: %w", err), "")
	case !bytes.HasPrefix(text, []byte(firstLine)):
		return console.Usage(fmt.Errorf("--env-out: %s is there, and was not written by a hub", s.file), "choose another name, or replace it with --force")
	}
	return nil
}

// give gives the settings that make the tools use the hub at its first address, and
// Microsoft's SDKs, if it has their ports.
func (s *settingsFlags) give(c *console.Console, options *localhub.Options, listeners []net.Listener) error {
	text, err := settingsFor(options, loopbackAddress(listeners[0].Addr()), sdkHost(options, listeners))
	switch {
	case err != nil:
		return fmt.Errorf("settings: %w", err)
	case s.file == "" && c.Output == console.OutputJSON:
		return nil // there are events
	case s.file == "":
		return c.Print(text)
	}
	if err := s.check(); err != nil {
		return err
	}
	if err := console.ReplaceFile(s.file, firstLine+text); err != nil {
		return console.Usage(fmt.Errorf("--env-out: %w", err), "")
	}
	c.Note("The settings for both tools are in %s.", s.file)
	return nil
}

// mostListed is for how many devices there are settings.
const mostListed = 100

// settingsFor returns the settings for the hub and its first device. Those for its
// other devices are comments, as are those for SDKs that reach the hub at sdkHost.
func settingsFor(options *localhub.Options, address, sdkHost string) (string, error) {
	reach := func(cs sas.ConnectionString) string {
		if name := options.HostName; name != "localhost" {
			cs = overTLS(cs, name, address)
		}
		return cs.Reveal()
	}
	listed, more := options.Devices, ""
	if n := len(listed) - mostListed; n > 0 {
		listed, more = listed[:mostListed], fmt.Sprintf("# Registered as well: %s.\n", console.Count(n, "device"))
	}
	first := listed[0]
	lines := [][2]string{
		{console.EnvService, reach(defaults.ServiceString(address))},
		{console.EnvDevice, reach(defaults.DeviceString(address, first.ID, first.Key))},
		{console.EnvDeviceID, first.ID},
	}
	for _, d := range listed[1:] {
		lines = append(lines, [2]string{"#" + console.EnvDevice, reach(defaults.DeviceString(address, d.ID, d.Key))})
	}
	text, err := envLines(lines)
	if err != nil || sdkHost == "" {
		return text + more, err
	}
	sdks, err := envLines(sdkSettings(listed, sdkHost))
	return text + more + sdkComment + sdks, err
}

func envLines(lines [][2]string) (string, error) {
	var b strings.Builder
	for _, line := range lines {
		text, err := envLine(line[0], line[1])
		if err != nil {
			return "", err
		}
		b.WriteString(text + "\n")
	}
	return b.String(), nil
}

// sdkHost returns the name by which Microsoft's SDKs reach the hub, empty if they
// cannot: they take no port, and have their own. Source: the SDKs.
func sdkHost(options *localhub.Options, listeners []net.Listener) string {
	for _, l := range listeners {
		a, ok := l.Addr().(*net.TCPAddr)
		if !ok || a.Port != 5671 && a.Port != 8883 && a.Port != 443 { // AMQP, MQTT, HTTP and WebSocket
			continue
		}
		switch name := options.HostName; {
		case name != "localhost":
			return name
		case a.IP.IsUnspecified():
			return "127.0.0.1" // the Java SDK wants a dot
		case a.IP.To4() != nil:
			return a.IP.String()
		}
	}
	return ""
}

const sdkComment = "# For Microsoft's SDKs, which must trust the CA of --ca-out:\n"

// sdkSettings returns, as comments, the settings that every SDK takes as they are.
func sdkSettings(devices []localhub.Device, host string) [][2]string {
	plain := func(cs sas.ConnectionString) string {
		cs.UseDevelopmentEmulator = false
		return cs.Reveal()
	}
	lines := [][2]string{{"#" + console.EnvService, plain(defaults.ServiceString(host))}}
	for _, d := range devices {
		lines = append(lines, [2]string{"#" + console.EnvDevice, plain(defaults.DeviceString(host, d.ID, d.Key))})
	}
	return lines
}

// envLine returns a line of a .env file. The library would write 007 as 7.
func envLine(name, value string) (string, error) {
	if _, err := strconv.Atoi(value); err == nil {
		return name + `="` + value + `"`, nil
	}
	return godotenv.Marshal(map[string]string{name: value})
}

// overTLS changes a connection string to one with TLS, and the hub's own name.
func overTLS(cs sas.ConnectionString, name, address string) sas.ConnectionString {
	_, port, _ := net.SplitHostPort(address) // of a listener: cannot fail
	cs.HostName = net.JoinHostPort(name, port)
	cs.UseDevelopmentEmulator = false
	return cs
}
