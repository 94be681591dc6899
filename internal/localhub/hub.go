package localhub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/amqpfront"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/fault"
	"iothub-c2d/internal/localhub/httpfront"
	"iothub-c2d/internal/localhub/mqttfront"
	"iothub-c2d/internal/localhub/registry"
	"iothub-c2d/internal/localhub/store"
)

// Hub is a local IoT Hub. It serves connections until it is closed.
type Hub struct {
	names       []string // its own first
	log         *slog.Logger
	broker      *broker.Broker
	registry    *registry.Registry
	store       *store.Store // nil if nothing is kept
	connections *memory      // what they may hold
	amqp        *amqpfront.Front
	mqtt        *mqttfront.Front
	http        *httpfront.Front

	authority func() (*authority, error)  // made at the first call, as is
	tlsConfig func() (*tls.Config, error) // this

	ctx    context.Context // ends when the hub is closed
	cancel context.CancelFunc
	served sync.WaitGroup // connections and listeners

	mu   sync.Mutex
	open int // connections
}

// New returns a hub. Its queues are empty, unless [Options.Data] has kept some.
func New(options *Options) (*Hub, error) {
	o := options.withDefaults()
	if err := registry.Check(o.Devices); err != nil {
		return nil, err
	}
	h := &Hub{names: o.names(), log: o.Logger, authority: sync.OnceValues(newAuthority)}
	h.tlsConfig = sync.OnceValues(h.newTLSConfig)
	if err := h.openBroker(o); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrData, err)
	}
	control := access.New(access.Options{
		HostNames: o.names(), Policies: o.Policies, Registry: h.registry, ClientCAs: o.ClientCAs, BearerKey: o.BearerKey,
	})
	h.connections = newMemory(o.Memory / 4)
	limits := o.Throttle.Limits()
	h.amqp = amqpfront.New(amqpfront.Options{
		Broker: h.broker, Access: control, Gateway: o.Gateway, Memory: h.connections, Throttle: limits, Faults: h.faults(o.Faults),
	})
	h.mqtt = mqttfront.New(mqttfront.Options{Broker: h.broker, Access: control, Memory: h.connections, Connections: limits.Connections})
	h.http = httpfront.New(httpfront.Options{
		HostNames: o.names(), Broker: h.broker, Registry: h.registry, Access: control, Throttle: limits,
		Memory: h.connections, Logger: o.Logger,
	})
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h, nil
}

// ErrData says that [Options.Data] cannot be used.
var ErrData = errors.New("keep data")

// openBroker makes the queues, and takes up what the last hub left in the store.
func (h *Hub) openBroker(o Options) (err error) {
	options := broker.Options{
		HostName:         o.HostName,
		LockTimeout:      o.LockTimeout,
		DefaultTTL:       o.DefaultTTL,
		MaxDeliveryCount: o.MaxDeliveryCount,
		CountLostLocks:   o.CountLostLocks,
		MaxQueue:         o.MaxQueue,
		MaxBytes:         o.Memory / 4 * 3,
		FeedbackInterval: o.FeedbackInterval,
		Observer:         o.Observer,
		Logger:           o.Logger,
	}
	if o.Data == "" {
		return h.takeUp(options, o.Devices)
	}
	if h.store, err = store.Open(o.Data, amqpfront.Codec{}); err != nil {
		return err
	}
	options.Journal = h.store
	if err = h.takeUp(options, o.Devices); err != nil {
		err = errors.Join(err, h.store.Close())
	}
	return err
}

// takeUp makes the queues and the registry, with what the journal has kept.
func (h *Hub) takeUp(options broker.Options, devices []Device) (err error) {
	if h.broker, err = broker.New(options); err != nil {
		return err
	}
	h.registry, err = registry.New(registry.Options{
		Broker: h.broker, HostName: options.HostName, Devices: devices, Logger: options.Logger,
	})
	if err != nil {
		h.broker.Close()
	}
	return err
}

// faults returns what makes the faults of a connection, nil if there are none.
func (h *Hub) faults(i *fault.Injector) func(*amqpserver.Conn, net.Conn) amqpfront.Faults {
	if i == nil {
		return nil
	}
	tell := func(n fault.Name) { h.broker.Tell(Event{Kind: broker.EventFault, Detail: string(n)}) }
	return func(c *amqpserver.Conn, socket net.Conn) amqpfront.Faults { return i.Conn(c, socket, tell) }
}

// Purge removes all messages that wait for a device, those in its hands too,
// and returns how many there were. It returns false if there is no such device.
func (h *Hub) Purge(deviceID string) (n int, ok bool) {
	n, refused := h.broker.Purge(broker.ID{Device: deviceID})
	return n, refused == nil
}

// Pending returns the ids of the messages in a device's queue, those in the
// device's hands included, in the order of their sequence numbers.
func (h *Hub) Pending(device string) []string { return h.broker.Pending(device) }

// Waiting returns how many messages wait for all devices and their modules, those
// in their hands included.
func (h *Hub) Waiting() int { return h.broker.Waiting() }

// Subscribe returns the events of the hub from now on. A subscriber that is slow
// misses some, and slows nobody.
func (h *Hub) Subscribe() *Subscription { return h.broker.Subscribe() }

// CACertificate returns the certificate that clients must trust to connect
// over TLS, in PEM form. Each hub has its own.
func (h *Hub) CACertificate() []byte {
	a, err := h.authority()
	if err != nil { // the template is constant and randomness does not fail: cannot happen
		h.log.Error("CA certificate not made", "error", err)
		return nil
	}
	return a.pem()
}

func (h *Hub) newTLSConfig() (*tls.Config, error) {
	a, err := h.authority()
	if err != nil {
		return nil, err
	}
	return a.tlsConfig(h.names)
}

// Close tells every client that the hub goes away, and waits until all
// listeners and the connections that [Hub.Serve] accepted are gone.
func (h *Hub) Close() {
	h.mu.Lock()
	h.cancel()
	h.mu.Unlock()
	h.served.Wait()
	h.broker.Close()
	if h.store == nil {
		return
	}
	if err := h.store.Close(); err != nil {
		h.log.Error("data not closed", "error", err)
	}
}
