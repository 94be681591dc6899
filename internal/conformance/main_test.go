package conformance_test

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/joho/godotenv"

	"iothub-c2d/internal/conformance"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/sas"
)

// With -env, this test program holds the beliefs against the hub of that file, in
// place of its tests: see `make conformance`.
var (
	envFile  = flag.String("env", "", "hold the beliefs against the hub whose connection strings are in this `file`")
	caFile   = flag.String("ca", "", "trust the CA in this `file` (PEM), in place of the system's")
	protocol = flag.String("protocol", string(iothub.AMQP), "amqp or amqp-ws")
	out      = flag.String("out", "", "write the report to `name`.md and name.json")
	strict   = flag.Bool("strict", false, "fail unless every belief holds")
)

func TestMain(m *testing.M) {
	// Tests of processes wait more than they work. This is the default, not the limit.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	flag.Parse()
	if *envFile == "" {
		os.Exit(m.Run())
	}
	code, err := program()
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
	}
	os.Exit(code)
}

// The exit codes are those of the tools.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func program() (code int, err error) {
	target, err := readTarget()
	if err != nil {
		return exitUsage, err
	}
	fmt.Println(plan(target))
	if os.Getenv("CONFIRM") != "yes" {
		fmt.Println("Nothing was sent. CONFIRM=yes in the environment means to go on.")
		return exitDone, nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() {
		stop() // the next signal ends the process
		fmt.Println("\nInterrupted: what was made is being removed.")
	})
	report, err := conformance.Run(ctx, target, &conformance.Options{Progress: func(done, all int) {
		fmt.Printf("\r%d of %d experiments", done, all)
	}})
	fmt.Println()
	switch {
	case err != nil && ctx.Err() != nil:
		return exitInterrupted, err
	case err != nil:
		return exitFailed, err
	}
	return show(report)
}

// show prints the report, and writes it to files.
func show(report *conformance.Report) (code int, err error) {
	if err := report.WriteText(os.Stdout); err != nil {
		return exitFailed, err
	}
	if err := write(report); err != nil {
		return exitFailed, err
	}
	switch {
	case report.Interrupted:
		return exitInterrupted, nil
	case report.Left != "", *strict && report.Count(conformance.Holds) < len(report.Results):
		return exitFailed, nil
	}
	return exitDone, nil
}

func write(report *conformance.Report) error {
	if *out == "" {
		return nil
	}
	b, err := report.JSON()
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(*out+".json", b, 0o600), os.WriteFile(*out+".md", []byte(report.Markdown()), 0o600)); err != nil {
		return err
	}
	fmt.Printf("The report is in %s.md and %s.json.\n", *out, *out)
	return nil
}

// readTarget reads the file, and no environment: what is meant stands in one place.
func readTarget() (target conformance.Target, err error) {
	settings, err := godotenv.Read(*envFile)
	if err != nil {
		return target, fmt.Errorf("read %s: %w", *envFile, err)
	}
	for _, s := range []struct {
		cs    *sas.ConnectionString
		names []string
	}{
		{&target.Service, []string{"IOTHUB_CONNECTION_STRING", "IOTHUB_SERVICE_CONNECTION_STRING"}},
		{&target.Device, []string{"IOTHUB_DEVICE_CONNECTION_STRING"}},
	} {
		for _, name := range s.names {
			if text := settings[name]; text != "" && s.cs.HostName == "" {
				if *s.cs, err = sas.ParseConnectionString(text); err != nil {
					return target, fmt.Errorf("%s: %w", name, err)
				}
			}
		}
	}
	target.Protocol = iothub.Protocol(*protocol)
	switch {
	case target.Service.HostName == "" && target.Device.HostName == "":
		return target, fmt.Errorf("%s has neither IOTHUB_CONNECTION_STRING nor IOTHUB_DEVICE_CONNECTION_STRING", *envFile)
	case target.Protocol != iothub.AMQP && target.Protocol != iothub.AMQPWS:
		return target, fmt.Errorf("-protocol %q is neither amqp nor amqp-ws", *protocol)
	}
	target.CAs, err = readCA()
	return target, err
}

func readCA() (*x509.CertPool, error) {
	if *caFile == "" {
		return nil, nil
	}
	b, err := os.ReadFile(*caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", *caFile)
	}
	return pool, nil
}

// plan says what is going to happen.
func plan(target conformance.Target) string {
	var b strings.Builder
	host := target.Service.Host()
	if host == "" {
		host = target.Device.Host()
	}
	fmt.Fprintf(&b, "This holds %d beliefs about IoT Hub against the hub %s.\n", len(conformance.Beliefs()), host)
	fmt.Fprintf(&b, "It sends up to %d messages to devices, a hundred a minute, and one of telemetry. It takes\na few minutes, ten at most.\n", conformance.Messages())
	b.WriteString("If the policy may write the registry, it makes devices whose names begin with\nconformance-, and removes them.\n")
	if target.Device.DeviceID != "" {
		fmt.Fprintf(&b, "If not, it uses device %s: it displaces whoever is connected as it, and empties its queue.\n", target.Device.DeviceID)
	}
	b.WriteString("It touches no other device. Feedback of others is held for 15 s, five times at most,\nand given back. Ctrl-C ends the run, and cleans up.")
	return b.String()
}
