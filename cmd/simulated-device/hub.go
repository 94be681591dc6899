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

// hubServer is the hub subcommand: the local hub alone.
type hubServer struct {
	console  *console.Console
	settings *console.Settings
	listen   []string
	registry registry
	caOut    string
	options  localhub.Options
	tuning   tuning
}

func newHubCommand(c *console.Console, s *console.Settings) *cobra.Command {
	h := &hubServer{console: c, settings: s}
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "Serve a local IoT Hub",
		Long: `hub serves a local IoT Hub until Ctrl-C. It prints the settings for both tools
on standard output, in the form of a .env file.`,
		Example: `  simulated-device hub > .env                       # both tools find it here
  simulated-device hub --listen 127.0.0.1:0         # any free port
  simulated-device hub --device one --device two    # two devices`,
		Args: console.Args(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return h.run(cmd.Context()) },
	}
	h.addFlags(cmd)
	return cmd
}

func (h *hubServer) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&h.listen, "listen", []string{defaults.Address}, "`ADDR` to listen at (repeat; port 0: any)")
	h.registry.addFlags(f)
	f.StringVar(&h.options.HostName, "host", "localhost", "`NAME` of the hub in its certificate and tokens")
	f.StringVar(&h.caOut, "ca-out", "", "write the CA certificate, which clients need for TLS, to `FILE` (PEM)")
	f.StringVar(&h.options.Data, "data", "", "keep messages and feedback in `DIR` over a restart")
	h.options.Gateway = localhub.GatewayV2
	f.Var(console.Choice(&h.options.Gateway, localhub.GatewayV1, localhub.GatewayV2), "gateway", "generation of IoT Hub's front end to imitate: v1 or v2")
	h.tuning.addFlags(f)
	h.settings.AddRunFlags(h.console, cmd, "stop after this long")
}

// run serves until the context ends.
func (h *hubServer) run(ctx context.Context) error {
	ctx, cancel := h.settings.WithTimeout(ctx)
	defer cancel()
	hub, err := h.make()
	if err != nil {
		return err
	}
	listeners, err := h.bind(ctx)
	if err != nil {
		return err
	}
	served := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { served <- hub.Serve(l) }()
	}
	if err = h.announce(listeners); err == nil {
		err = h.wait(ctx, served)
	}
	hub.Close()
	return err
}

// make makes the hub that the flags describe, and writes its CA certificate.
func (h *hubServer) make() (*localhub.Hub, error) {
	if err := h.tuning.apply(&h.options); err != nil {
		return nil, err
	}
	cs := defaults.ServiceString(h.options.HostName)
	cs.UseDevelopmentEmulator = false // any name will do
	if cs.Validate() != nil {
		return nil, console.Usagef("--host %q is not a host name", h.options.HostName)
	}
	var err error
	if h.options.Devices, err = h.registry.devices(); err != nil {
		return nil, err
	}
	h.options.Logger = h.console.Logger(h.settings)
	hub, err := localhub.New(&h.options)
	switch {
	case errors.Is(err, localhub.ErrData):
		return nil, err
	case err != nil:
		return nil, console.Usage(err, "")
	}
	if h.caOut == "" {
		return hub, nil
	}
	if err := os.WriteFile(h.caOut, hub.CACertificate(), 0o644); err != nil { //nolint:gosec // a certificate is public
		hub.Close()
		return nil, console.Usage(fmt.Errorf("--ca-out: %w", err), "")
	}
	return hub, nil
}

// wait returns when the hub is to end.
func (h *hubServer) wait(ctx context.Context, served <-chan error) error {
	select {
	case <-ctx.Done(): // the hub was to run this long, also with --timeout
		return nil
	case err := <-served:
		return err
	}
}

// bind opens all addresses, or none.
func (h *hubServer) bind(ctx context.Context) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, address := range h.listen {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			for _, opened := range listeners {
				err = errors.Join(err, opened.Close())
			}
			return nil, listenError(err)
		}
		listeners = append(listeners, l)
		if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
			h.console.Say("Warning: %s is open to the network, and the keys of a local hub are public.", l.Addr())
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

// announce prints the settings that make the tools use this hub.
func (h *hubServer) announce(listeners []net.Listener) error {
	address := loopbackAddress(listeners[0].Addr())
	first := h.options.Devices[0]
	service, device := defaults.ServiceString(address), defaults.DeviceString(address, first.ID, first.Key)
	if h.options.HostName != "localhost" {
		service, device = h.overTLS(service, address), h.overTLS(device, address)
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
		if err := h.console.Print(line + "\n"); err != nil {
			return err
		}
	}
	h.console.Note("The local hub is ready at %s.", address)
	return nil
}

// envLine returns a line of a .env file. The library would make 7 of 007.
func envLine(name, value string) (string, error) {
	if _, err := strconv.Atoi(value); err == nil {
		return name + `="` + value + `"`, nil
	}
	return godotenv.Marshal(map[string]string{name: value})
}

// overTLS makes a connection string one for the hub by its own name, with TLS.
func (h *hubServer) overTLS(cs sas.ConnectionString, address string) sas.ConnectionString {
	_, port, _ := net.SplitHostPort(address) // of a listener: cannot fail
	cs.HostName = net.JoinHostPort(h.options.HostName, port)
	cs.UseDevelopmentEmulator = false
	return cs
}

// loopbackAddress returns where this machine reaches a listener that may be
// open to all addresses.
func loopbackAddress(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
}
