package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/fault"
	"iothub-c2d/internal/localhub/throttle"
	"iothub-c2d/internal/sas"
)

// hubFlags are the flags of the hub subcommand.
type hubFlags struct {
	listen   []string
	devices  deviceListFlags
	hosts    []string // the first names the hub
	caOut    string
	ca       string // of devices
	jwtKey   string
	data     string
	gateway  localhub.Gateway
	limits   limitFlags
	settings settingsFlags
}

// deviceListFlags name the devices of a hub.
type deviceListFlags struct {
	ids         []string
	thumbprints []string
	fleet       console.Positive // more of them, whose ids are made by the template
	template    string
	given       func(name string) bool // whether a flag is on the command line
}

// limitFlags change the figures of a hub. The defaults are IoT Hub's own, except
// that feedback is sent at once.
type limitFlags struct {
	lock, ttl, feedback  console.Duration
	deliveries, maxQueue console.Positive
	faithful             bool
	throttle             string
	faults               string
	given                func(name string) bool // whether a flag is on the command line
}

func (h *hubFlags) add(c *console.Console, cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&h.listen, "listen", []string{defaults.Address}, "`ADDR` to listen at (repeat; port 0: any)")
	h.devices.add(f)
	f.StringArrayVar(&h.hosts, "host", []string{"localhost"}, "`NAME` of the hub in its certificate, tokens and HTTP requests (repeat; the first is its own)")
	h.settings.add(f)
	f.StringVar(&h.caOut, "ca-out", "", "write the CA certificate, which clients need for TLS, to `FILE` (PEM)")
	f.StringVar(&h.ca, "ca", "", "let devices log in with certificates of the CAs in `FILE` (PEM), each as the device that is its common name")
	f.StringVar(&h.jwtKey, "jwt-key", "", "take tokens of Microsoft Entra ID from back ends, signed by the public key in `FILE` (PEM: RSA, or EC of P-256)")
	f.StringVar(&h.data, "data", "", "keep the registry, messages and feedback in `DIR` over a restart")
	h.gateway = localhub.GatewayV2
	f.Var(console.Choice(&h.gateway, localhub.GatewayV1, localhub.GatewayV2), "gateway", "generation of IoT Hub's front end to imitate: v1 or v2")
	console.Group(f, "Hub")
	h.limits.add(f)
	console.Group(f, "Figures")
	c.AddOutput(cmd)
	console.Group(f, "Output")
	c.AddFlags(cmd, "stop after this long")
}

func (d *deviceListFlags) add(f *pflag.FlagSet) {
	f.StringArrayVar(&d.ids, "device", []string{defaults.DeviceID}, "register the device `ID[=KEY[,KEY]]` (repeat)")
	f.Var(&d.fleet, "devices", "register `N` devices in place of the usual one: those of `simulated-device --devices N`")
	f.StringVar(&d.template, "device-id", defaultTemplate, "`TEMPLATE` of the ids of --devices; {{.N}} is the number of each, from 0")
	d.given = f.Changed
	f.StringArrayVar(&d.thumbprints, "thumbprint", nil, "let the device log in with the certificate that has this hash, `ID=SHA1|SHA256` (repeat)")
}

func (l *limitFlags) add(f *pflag.FlagSet) {
	l.given = f.Changed
	l.lock, l.ttl = console.Duration(time.Minute), console.Duration(time.Hour)
	f.Var(&l.lock, "lock-timeout", "how long a device may hold a message")
	f.Var(&l.ttl, "default-ttl", "life of a message that names no expiry")
	l.deliveries, l.maxQueue = 10, 50
	f.Var(&l.deliveries, "max-delivery-count", "abandon a message `N` times, and it is dead-lettered")
	f.Var(&l.maxQueue, "max-queue", "messages (`N`) that may wait for one device")
	f.Var(&l.feedback, "feedback-interval", "collect feedback this long (default: send it at once)")
	f.BoolVar(&l.faithful, "faithful", false, "all as on Azure: feedback every 15s, or for 64 messages")
	f.StringVar(&l.throttle, "throttle", "", "enforce Azure's limits of a hub of this `SIZE`: S1, S2 or S3, and :UNITS if more than one")
	f.StringVar(&l.faults, "fault", "", "do `FAULTS` on purpose, such as drop-after=20,refuse-auth:first=1")
}

// options returns the hub that the flags describe.
func (h *hubFlags) options() (*localhub.Options, error) {
	o := &localhub.Options{HostName: h.hosts[0], Aliases: slices.Concat(h.hosts[1:], ownAddresses(h.listen)), Data: h.data, Gateway: h.gateway}
	if err := h.limits.apply(o); err != nil {
		return nil, err
	}
	for _, name := range h.hosts {
		if !sas.ValidHost(name) {
			return nil, console.Usagef("--host %q is not a host name", name)
		}
	}
	var err error
	if o.ClientCAs, err = readCAs(h.ca); err != nil {
		return nil, err
	}
	if o.BearerKey, err = readJWTKey(h.jwtKey); err != nil {
		return nil, err
	}
	o.Devices, err = h.devices.parse()
	return o, err
}

// ownAddresses returns the addresses at which a hub listens, beside the usual ones: over
// TLS, clients that go there want to find them in its certificate.
func ownAddresses(listen []string) (list []string) {
	for _, address := range listen {
		host, _, _ := net.SplitHostPort(address) // if that fails, so does listening
		ip := net.ParseIP(host)
		if ip == nil || ip.IsUnspecified() || ip.Equal(net.IPv4(127, 0, 0, 1)) || ip.Equal(net.IPv6loopback) {
			continue
		}
		list = append(list, ip.String())
	}
	return list
}

// readCAs reads the certificates of a file, if there is a name.
func readCAs(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file) //nolint:gosec // the file that the user names
	if err != nil {
		return nil, console.Usage(fmt.Errorf("--ca: %w", err), "")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, console.Usagef("--ca: %s holds no certificate in PEM form", file)
	}
	return pool, nil
}

// faithfulFeedback is the time between IoT Hub's feedback batches. Source:
// Microsoft docs, iot-hub-devguide-messages-c2d.
const faithfulFeedback = 15 * time.Second

func (l *limitFlags) apply(o *localhub.Options) error {
	if l.lock == 0 || l.ttl == 0 {
		return console.Usagef("--lock-timeout and --default-ttl cannot be 0")
	}
	o.LockTimeout, o.DefaultTTL = time.Duration(l.lock), time.Duration(l.ttl)
	o.MaxDeliveryCount, o.MaxQueue = int(l.deliveries), int(l.maxQueue)
	o.FeedbackInterval = time.Duration(l.feedback)
	if l.faithful && !l.given("feedback-interval") {
		o.FeedbackInterval = faithfulFeedback
	}
	if l.given("throttle") {
		size, err := throttle.Parse(l.throttle)
		if err != nil {
			return console.Usage(fmt.Errorf("--throttle: %w", err), "it takes the tier of a hub and the number of its units, such as S1 or S2:3")
		}
		o.Throttle = size
	}
	faults, err := fault.Parse(l.faults)
	if err != nil {
		return console.Usage(fmt.Errorf("--fault: %w", err), "simulated-device hub --help lists the faults")
	}
	if len(faults.List) > 0 {
		o.Faults, err = fault.NewInjector(faults)
	}
	return err
}

// parse returns the devices with their keys and thumbprints.
func (d *deviceListFlags) parse() (devices []localhub.Device, err error) {
	switch {
	case d.fleet > 0 && !d.given("device"):
		d.ids = nil // not the usual one
	case d.fleet == 0 && d.given("device-id"):
		return nil, console.Usage(errors.New("--device-id without --devices makes no ids"), "to register one device, use --device ID")
	}
	for _, text := range d.ids {
		device, err := parseDevice(text)
		if err != nil {
			return nil, err
		}
		devices = append(devices, device)
	}
	ids, err := deviceIDs(d.template, int(d.fleet))
	if err != nil {
		return nil, err
	}
	devices = append(devices, publicDevices(ids)...)
	for _, text := range d.thumbprints {
		end := max(strings.LastIndex(text, "="), 0) // an id may hold = as well, a hash does not
		i := slices.IndexFunc(devices, func(d localhub.Device) bool { return d.ID == text[:end] })
		if i < 0 {
			return nil, console.Usage(errors.New("--thumbprint names no device of this hub"), "write it as ID=HASH, and register the device with --device ID")
		}
		devices[i].Thumbprints = append(devices[i].Thumbprints, text[end+1:])
	}
	return devices, nil
}

// parseDevice reads ID[=KEY[,KEY]]. An id may hold = and a comma as well: the first
// = with nothing but keys behind it ends the id.
func parseDevice(text string) (localhub.Device, error) {
	d, found := localhub.Device{ID: text, Key: defaults.Key()}, !strings.Contains(text, "=")
	for i := 0; i < len(text) && !found; i++ {
		if text[i] == '=' {
			d = localhub.Device{ID: text[:i]}
			d.Key, d.SecondaryKey, found = parseKeys(text[i+1:])
		}
	}
	if !found {
		return localhub.Device{}, console.Usage(errors.New("--device: what follows = is not a key, nor two with a comma between"),
			"the key is base64, as in a connection string; an id that has a = itself needs one")
	}
	if err := console.CheckDeviceID(d.ID); err != nil {
		return localhub.Device{}, fmt.Errorf("--device: %w", err)
	}
	return d, nil
}

// parseKeys reads KEY[,KEY].
func parseKeys(text string) (primary, secondary sas.Key, ok bool) {
	first, second, two := strings.Cut(text, ",")
	primary, err := sas.ParseKey(first)
	if err == nil && two {
		secondary, err = sas.ParseKey(second)
	}
	return primary, secondary, err == nil
}
