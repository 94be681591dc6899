package localhub

import (
	"crypto/x509"
	"log/slog"
	"net"
	"slices"
	"time"

	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/amqpfront"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/fault"
	"iothub-c2d/internal/localhub/registry"
	"iothub-c2d/internal/localhub/throttle"
)

// What the hub is made of, by the names that its users need.
type (
	// Device is a registered device.
	Device = registry.Device
	// Policy is a shared access policy.
	Policy = access.Policy
	// BearerKey checks tokens of Microsoft Entra ID.
	BearerKey = access.BearerKey
	// Gateway is a generation of IoT Hub's front end.
	Gateway = amqpfront.Gateway
	// Event is something that happened to a message, or to a connection.
	Event = broker.Event
	// Notice is an event as subscribers hear of it.
	Notice = broker.Notice
	// Subscription is a subscriber's view of the events.
	Subscription = broker.Subscription
)

// The generations of gateways.
const (
	GatewayV1 = amqpfront.GatewayV1
	GatewayV2 = amqpfront.GatewayV2
)

// ParseBearerKey reads the public key of [Options.BearerKey] in PEM form: RSA for
// tokens signed by RS256, of the curve P-256 for ES256.
func ParseBearerKey(pem []byte) (*BearerKey, error) { return access.ParseBearerKey(pem) }

// Options configure a hub. The zero value of each field means its default,
// which is IoT Hub's own unless the field says otherwise.
type Options struct {
	// HostName is the hub's name in connection strings and tokens, where a port
	// after it does not matter: localhost.
	HostName string
	// Aliases are more names by which clients reach the hub, such as that of its
	// container: none. They are in its certificate, tokens may name them, and HTTP
	// requests be sent to them.
	Aliases []string
	// Devices are registered from the start: none. Back ends can register others.
	Devices []Device
	// Policies are the shared access policies: the five that every hub has, as
	// [access.DefaultPolicies] returns them.
	Policies []Policy
	// ClientCAs are the authorities whose certificates devices may log in with:
	// none.
	ClientCAs *x509.CertPool
	// BearerKey is the public key of those who sign tokens of Microsoft Entra ID:
	// none, so that no such token is taken.
	BearerKey *BearerKey
	// Gateway is the generation of front end to imitate: [GatewayV2].
	Gateway Gateway
	// LockTimeout is how long a device may hold a message: 60 s.
	LockTimeout time.Duration
	// DefaultTTL is the life of a message that names no expiry: 1 h.
	DefaultTTL time.Duration
	// MaxDeliveryCount is how often a message may be abandoned: 10.
	MaxDeliveryCount int
	// CountLostLocks makes a lock that runs out count as an abandon. IoT Hub's
	// documents have said both; the current ones say that it does not.
	CountLostLocks bool
	// MaxQueue is how many messages may wait for one device: 50.
	MaxQueue int
	// Memory is about how many bytes the clients can make the hub hold: 512 MiB. Three
	// quarters are for the messages of devices, the rest is for connections.
	Memory int
	// FeedbackInterval is the time between two feedback messages that are not
	// full. IoT Hub takes 15 s; here the default is 0, at once.
	FeedbackInterval time.Duration
	// Data is a directory that keeps the queues, and MQTT's sessions, over a
	// restart: none.
	Data string
	// Faults is what the hub does wrong on purpose: nothing.
	Faults *fault.Injector
	// Throttle is the size of the hub whose limits to enforce, of how often things are
	// done: none.
	Throttle throttle.Size
	// Observer is told what happens, from many goroutines at once: nobody. It must
	// not wait, nor call the hub: locks may be held.
	Observer func(Event)
	// Logger hears of refused and odd clients: nobody.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	setDefault(&d.HostName, "localhost")
	setDefault(&d.Gateway, GatewayV2)
	setDefault(&d.LockTimeout, time.Minute)
	setDefault(&d.DefaultTTL, time.Hour)
	setDefault(&d.MaxDeliveryCount, 10)
	setDefault(&d.MaxQueue, 50)
	setDefault(&d.Memory, 512<<20)
	setDefault(&d.Logger, slog.New(slog.DiscardHandler))
	if d.Policies == nil {
		d.Policies = access.DefaultPolicies()
	}
	d.HostName = withoutPort(d.HostName)
	d.Aliases = slices.Clone(d.Aliases)
	for i, name := range d.Aliases {
		d.Aliases[i] = withoutPort(name)
	}
	return d
}

// withoutPort returns a host name alone: tokens and requests may name any port.
func withoutPort(name string) string {
	if host, _, err := net.SplitHostPort(name); err == nil {
		return host
	}
	return name
}

// names returns the hub's names, its own first.
func (o *Options) names() []string { return append([]string{o.HostName}, o.Aliases...) }

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
