package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/joho/godotenv"
	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

func newHubCommand(c *console.Console) *cobra.Command {
	var f hubFlags
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "Serve a local IoT Hub",
		Long: `hub serves a local IoT Hub until Ctrl-C. It prints the settings for both tools
on standard output, in the form of a .env file.`,
		Example: `  simulated-device hub > .env                       # both tools find it here
  simulated-device hub --listen 127.0.0.1:0         # any free port
  simulated-device hub --device one --device two    # two devices`,
		Args: console.Args(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return serveHub(cmd.Context(), c, &f) },
	}
	f.add(c, cmd)
	return cmd
}

// serveHub serves the local hub alone until the context ends.
func serveHub(ctx context.Context, c *console.Console, f *hubFlags) error {
	options, err := f.options()
	if err != nil {
		return err
	}
	options.Logger = c.Logger()
	hub, err := newHub(options, f.caOut)
	if err != nil {
		return err
	}
	defer hub.Close()
	listeners, err := listen(ctx, c, f.listen)
	if err != nil {
		return err
	}
	served := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { served <- hub.Serve(l) }()
	}
	if err := printSettings(c, options, listeners[0].Addr()); err != nil {
		return err
	}
	select {
	case <-ctx.Done(): // no failure, even if --timeout ends it
		return nil
	case err := <-served:
		return err
	}
}

// newHub makes a hub, and writes its CA certificate to the file caOut, if there is
// a name.
func newHub(options *localhub.Options, caOut string) (*localhub.Hub, error) {
	hub, err := localhub.New(options)
	switch {
	case errors.Is(err, localhub.ErrData):
		return nil, err
	case err != nil:
		return nil, console.Usage(err, "")
	}
	if caOut == "" {
		return hub, nil
	}
	if err := os.WriteFile(caOut, hub.CACertificate(), 0o644); err != nil { //nolint:gosec // a certificate is public
		hub.Close()
		return nil, console.Usage(fmt.Errorf("--ca-out: %w", err), "")
	}
	return hub, nil
}

// listen opens all addresses, or none.
func listen(ctx context.Context, c *console.Console, addresses []string) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, address := range addresses {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			for _, opened := range listeners {
				err = errors.Join(err, opened.Close())
			}
			return nil, listenError(err)
		}
		listeners = append(listeners, l)
		if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
			c.Say("Warning: %s is open to the network, and the keys of a local hub are public.", l.Addr())
		}
	}
	return listeners, nil
}

func listenError(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return console.Fail(err, console.ExitFailed, "another hub may run there; --listen 127.0.0.1:0 takes any free port")
	}
	return console.Usage(err, "--listen takes HOST:PORT of this machine, such as "+defaults.Address)
}

// printSettings prints the settings that make the tools use the hub and its first
// device, and says that the hub is ready.
func printSettings(c *console.Console, options *localhub.Options, listener net.Addr) error {
	address := loopbackAddress(listener)
	first := options.Devices[0]
	service, device := defaults.ServiceString(address), defaults.DeviceString(address, first.ID, first.Key)
	if name := options.HostName; name != "localhost" {
		service, device = overTLS(service, name, address), overTLS(device, name, address)
	}
	for _, setting := range [][2]string{
		{console.EnvService, service.Reveal()},
		{console.EnvDevice, device.Reveal()},
		{console.EnvDeviceID, first.ID},
	} {
		line, err := envLine(setting[0], setting[1])
		if err != nil {
			return fmt.Errorf("settings: %w", err)
		}
		if err := c.Print(line + "\n"); err != nil {
			return err
		}
	}
	c.Note("The local hub is ready at %s.", address)
	return nil
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

// loopbackAddress returns the address of a listener for clients on this machine: a
// listener may be open to all addresses.
func loopbackAddress(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
}
