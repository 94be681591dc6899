package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/joho/godotenv"
	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub/auth"
	"iothub-c2d/internal/localhub"
)

// hubServer is the hub subcommand: the local hub alone.
type hubServer struct {
	console  *console.Console
	settings *console.Settings
	listen   []string
	devices  []string
	host     string
	gateway  localhub.Gateway
	options  localhub.Options
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
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return h.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&h.listen, "listen", []string{localhub.DefaultAddress}, "`ADDR` to listen at (repeat; port 0: any)")
	f.StringArrayVar(&h.devices, "device", []string{localhub.DefaultDeviceID}, "register the device `ID[=KEY]` (repeat)")
	f.StringVar(&h.host, "host", "localhost", "`NAME` of the hub in tokens")
	h.gateway = localhub.GatewayV2
	f.Var(console.Choice(&h.gateway, localhub.GatewayV1, localhub.GatewayV2), "gateway", "generation of IoT Hub's front end to imitate: v1 or v2")
	return cmd
}

// run serves until the context ends.
func (h *hubServer) run(ctx context.Context) error {
	ctx, cancel := h.settings.WithTimeout(ctx)
	defer cancel()
	devices, err := h.register()
	if err != nil {
		return err
	}
	h.options.HostName, h.options.Gateway = h.host, h.gateway
	h.options.Devices, h.options.Logger = devices, h.console.Logger(h.settings)
	hub, err := localhub.New(&h.options)
	if err != nil {
		return console.Usage(err, "")
	}
	listeners, err := h.bind(ctx)
	if err != nil {
		return err
	}
	served := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { served <- hub.Serve(l) }()
	}
	err = h.announce(listeners, devices)
	if err == nil {
		err = h.wait(ctx, served)
	}
	hub.Close()
	return err
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

// register reads the --device flags.
func (h *hubServer) register() ([]localhub.Device, error) {
	var devices []localhub.Device
	for _, text := range h.devices {
		d, err := parseDevice(text)
		if err != nil {
			return nil, err
		}
		if err := localhub.DeviceString("localhost", d).Validate(); err != nil {
			return nil, console.Usage(fmt.Errorf("--device: %w", err), "")
		}
		devices = append(devices, d)
	}
	return devices, nil
}

// parseDevice reads ID[=KEY]. An id may hold = as well, so the key is what
// follows the first = after which all is base64.
func parseDevice(text string) (localhub.Device, error) {
	if !strings.Contains(text, "=") {
		return localhub.Device{ID: text, Key: localhub.DefaultKey()}, nil
	}
	for i, c := range text {
		if c != '=' {
			continue
		}
		if key, err := auth.ParseKey(text[i+1:]); err == nil {
			return localhub.Device{ID: text[:i], Key: key}, nil
		}
	}
	id, _, _ := strings.Cut(text, "=")
	return localhub.Device{}, console.Usage(fmt.Errorf("--device %s: what follows = is not a key", id), "the key is base64, as in a connection string")
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
			return nil, console.Fail(err, console.ExitFailed, "another hub may run there; --listen 127.0.0.1:0 takes any free port")
		}
		listeners = append(listeners, l)
		if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
			h.console.Say("warning: %s is open to the network, and the keys of a local hub are public", l.Addr())
		}
	}
	return listeners, nil
}

// announce prints the settings that make the tools use this hub.
func (h *hubServer) announce(listeners []net.Listener, devices []localhub.Device) error {
	address := loopbackAddress(listeners[0].Addr())
	env, err := godotenv.Marshal(map[string]string{
		console.EnvService:  localhub.ServiceString(address).Reveal(),
		console.EnvDevice:   localhub.DeviceString(address, devices[0]).Reveal(),
		console.EnvDeviceID: devices[0].ID,
	})
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if _, err := fmt.Fprintln(h.console.Out, env); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	h.console.Say("The local hub is ready at %s.", address)
	return nil
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
