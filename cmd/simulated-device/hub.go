package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
)

func newHubCommand(c *console.Console) *cobra.Command {
	var f hubFlags
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "Serve a local IoT Hub",
		Long: `hub serves a local IoT Hub until Ctrl-C. It gives the settings for both tools in
the form of a .env file, to the file of --env-out or else to standard output.

-v says on standard error what happens: who comes and goes, and what becomes of each
message. --output json prints that on standard output, in place of the settings, one
object a line: {"event":"delivered","at":...,"deviceId":...,"messageId":...}. The
events are ready, connected, disconnected, attached, token, enqueued, refused,
delivered, abandoned, released, lockLost, completed, rejected, expired, deadLettered,
purged, feedbackSent, feedbackTaken, feedbackReturned, feedbackFinished, fault and, if
nobody reads the output fast enough, missed.

` + faultHelp(),
		Example: `  simulated-device hub --env-out .env               # both tools find it here
  simulated-device hub --listen 127.0.0.1:0         # any free port
  simulated-device hub --device one --device two    # two devices
  simulated-device hub -o json --env-out .env       # what happens, for programs`,
		Args: c.Args(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return serveHub(cmd.Context(), c, &f) },
	}
	f.add(c, cmd)
	console.Complete(cmd, "fault", completeFaults)
	console.Complete(cmd, "throttle", cobra.FixedCompletions([]string{"S1", "S2", "S3"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// serveHub serves the local hub alone until the context ends.
func serveHub(ctx context.Context, c *console.Console, f *hubFlags) error {
	options, err := f.options()
	if err != nil {
		return err
	}
	if err := f.settings.check(); err != nil {
		return err
	}
	options.Logger = c.Logger()
	hub, err := newHub(options, f.caOut)
	if err != nil {
		return err
	}
	events := watchHub(c, hub)
	defer events.stop() // what happens in the end, too
	defer hub.Close()
	listeners, err := listen(ctx, c, f.listen)
	if err != nil {
		return err
	}
	served := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { served <- hub.Serve(l) }()
	}
	if err := f.settings.give(c, options, listeners); err != nil {
		return err
	}
	if err := sayReady(c, listeners); err != nil {
		return err
	}
	events.start()
	select {
	case <-ctx.Done(): // no failure, even if --timeout ends it
		if f.data == "" {
			noteLost(c, hub)
		}
		return nil
	case err := <-served:
		return err
	case err := <-events.failure():
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
			c.Note("Warning: %s is open to the network, and the keys of a local hub are public.", l.Addr())
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

// noteLost tells of the messages that end with a hub that keeps none.
func noteLost(c *console.Console, hub *localhub.Hub) {
	if n := hub.Waiting(); n > 0 {
		c.Note("Messages that wait for devices and end with this hub: %d. `simulated-device hub --data DIR` keeps them.", n)
	}
}

// readyEvent is the first line of --output json.
type readyEvent struct {
	Event     string   `json:"event"`
	Addresses []string `json:"addresses"`
	Page      string   `json:"page,omitempty"`
}

// sayReady says where the hub is.
func sayReady(c *console.Console, listeners []net.Listener) error {
	ready := readyEvent{Event: "ready", Page: pageURL(listeners...)}
	for _, l := range listeners {
		ready.Addresses = append(ready.Addresses, loopbackAddress(l.Addr()))
	}
	c.Note("The local hub is ready at %s.", strings.Join(ready.Addresses, " and "))
	notePage(c, ready.Page)
	if c.Output == console.OutputJSON {
		return c.PrintJSON(ready)
	}
	return nil
}

// notePage says where to look into a hub, if there is a page.
func notePage(c *console.Console, url string) {
	if url != "" {
		c.Note("Look into the local hub at %s with a browser.", url)
	}
}

// pageURL returns where the page of a hub is, empty if no browser on this machine
// reaches the hub over loopback: others get no page.
func pageURL(listeners ...net.Listener) string {
	for _, l := range listeners {
		if a, ok := l.Addr().(*net.TCPAddr); ok && (a.IP.IsLoopback() || a.IP.IsUnspecified()) {
			return "http://" + loopbackAddress(a) + "/"
		}
	}
	return ""
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
