package localhub

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"iothub-c2d/internal/sas"
)

// Options configure a hub. The zero value of each field means its default,
// which is IoT Hub's own unless the field says otherwise.
type Options struct {
	// HostName is the hub's name in connection strings and tokens, where a port
	// after it does not matter: localhost.
	HostName string
	// Devices are the registered devices; none means no device.
	Devices []Device
	// Policies are the shared access policies: the five that every hub has, all
	// with [DefaultKey].
	Policies []Policy
	// ClientCAs are the authorities whose certificates devices may log in with:
	// none.
	ClientCAs *x509.CertPool
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
	// FeedbackInterval is the time between two feedback messages that are not
	// full. IoT Hub takes 15 s; here the default is 0, at once.
	FeedbackInterval time.Duration
	// Data is a directory that keeps the queues over a restart: none.
	Data string
	// Faults are what the hub does wrong on purpose: nothing.
	Faults Faults
	// Observer is told what happens, from many goroutines at once: nobody. It must
	// not wait, nor call the hub.
	Observer func(Event)
	// Logger hears of refused and odd clients: nobody.
	Logger *slog.Logger
}

// Device is a registered device.
type Device struct {
	ID  string  // IoT Hub takes 1 to 128 of A-Za-z0-9-:.+%_#*?!(),=@;$', this hub others too
	Key sas.Key // the zero key signs nothing
	// Thumbprints are the hashes, in hex, of the certificates that the device may
	// log in with, SHA-1 or SHA-256. IoT Hub has room for two.
	Thumbprints []string
}

// Limits that protect the hub from its clients.
const (
	maxConnections = 2000
	// handshakeTimeout is how long a client may take for TLS and WebSocket, and
	// again to get to an open connection.
	handshakeTimeout = 30 * time.Second
)

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
	setDefault(&d.Logger, slog.New(slog.DiscardHandler))
	if d.Policies == nil {
		d.Policies = DefaultPolicies()
	}
	if host, _, err := net.SplitHostPort(d.HostName); err == nil {
		d.HostName = host // tokens may name any port
	}
	return d
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Hub is a local IoT Hub. It serves connections until it is closed.
type Hub struct {
	options   Options
	log       *slog.Logger
	policies  map[string]Policy
	keys      map[string]sas.Key // of devices, by id
	feedback  *feedback
	store     *store // nil if nothing is kept
	telemetry telemetry
	injector  atomic.Pointer[injector]

	thumbprints map[string][]string         // ids of devices, by the hash of a certificate
	authority   func() (*authority, error)  // made at the first call, as is
	tlsConfig   func() (*tls.Config, error) // this

	ctx    context.Context // ends when the hub is closed
	cancel context.CancelFunc
	served sync.WaitGroup // connections and listeners

	mu        sync.Mutex
	mailboxes map[identity]func() *mailbox // each makes it at the first call
	modules   map[string]int               // mailboxes of modules, by device
	open      int                          // connections
}

// New returns a hub with empty queues.
func New(options *Options) (*Hub, error) {
	o := options.withDefaults()
	h := &Hub{
		options:   o,
		log:       o.Logger,
		policies:  make(map[string]Policy),
		keys:      make(map[string]sas.Key),
		mailboxes: make(map[identity]func() *mailbox),
		modules:   make(map[string]int),

		thumbprints: make(map[string][]string),
		authority:   sync.OnceValues(newAuthority),
	}
	h.tlsConfig = sync.OnceValues(h.newTLSConfig)
	for _, p := range o.Policies {
		h.policies[p.Name] = p
	}
	for _, d := range o.Devices {
		if err := h.register(d); err != nil {
			return nil, fmt.Errorf("device %q: %w", d.ID, err)
		}
	}
	if err := h.Inject(o.Faults); err != nil {
		return nil, err
	}
	h.feedback = h.newFeedback()
	h.ctx, h.cancel = context.WithCancel(context.Background())
	if err := h.openData(); err != nil {
		return nil, err
	}
	return h, nil
}

// register adds a device to those that the hub knows.
func (h *Hub) register(d Device) error {
	if _, twice := h.keys[d.ID]; twice {
		return errors.New("it is registered twice")
	}
	if d.ID == "" || strings.Contains(d.ID, "/modules/") { // a token for the device before it would do
		return errors.New("this is no device id")
	}
	h.keys[d.ID] = d.Key
	return h.addThumbprints(d)
}

func (h *Hub) newFeedback() *feedback {
	// The feedback queue's own limits are IoT Hub's defaults: 60 s, 1 h, 10.
	limits := queueLimits{lock: time.Minute, ttl: time.Hour, deliveries: 10}
	name, _, _ := strings.Cut(h.options.HostName, ".")
	return &feedback{
		queue: newQueue(limits, func(e *entry, s status) {
			if s != statusSuccess {
				h.log.Warn("feedback message not read", "status", string(s), "sequence", e.sequence)
			}
		}),
		hubName:  name,
		interval: h.options.FeedbackInterval,
		log:      h.log,
		lastSent: time.Now(),
	}
}

// ServeConn speaks with one client until either side closes the connection. The
// client may begin with AMQP, with TLS, or with an HTTP request.
func (h *Hub) ServeConn(c net.Conn) {
	log := h.log.With("client", c.RemoteAddr().String())
	if !h.admit() {
		log.Warn("refused: too many connections", "limit", maxConnections)
		_ = c.Close()
		return
	}
	defer h.leave()
	s, err := h.unwrap(c)
	if err != nil {
		if !errors.Is(err, errServed) {
			log.Info("connection refused", "reason", err.Error())
		}
		_ = s.Close()
		return
	}
	conn := newConn(h, s, log.With("transport", s.transport()))
	conn.credential = h.examine(s.certificates)
	if err := conn.serve(h.ctx); err != nil {
		log.Info("connection ended", "reason", err.Error())
	}
}
