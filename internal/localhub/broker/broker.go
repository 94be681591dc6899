package broker

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options configure a broker. The zero value of each field means its default,
// which is IoT Hub's own unless the field says otherwise.
type Options struct {
	// HostName is the hub's name, as refusals spell it: localhost. Its first label
	// is the sender of feedback.
	HostName string
	// LockTimeout is how long a device may hold a message: 60 s.
	LockTimeout time.Duration
	// DefaultTTL is the life of a message that names no expiry: 1 h.
	DefaultTTL time.Duration
	// MaxDeliveryCount is how often a message may be abandoned: 10.
	MaxDeliveryCount int
	// CountLostLocks makes a lock that runs out count as an abandon.
	CountLostLocks bool
	// MaxQueue is how many messages may wait for one device: 50.
	MaxQueue int
	// MaxBytes is how much memory the messages of all devices may take: no limit.
	MaxBytes int
	// FeedbackInterval is the time between two feedback messages that are not
	// full. IoT Hub takes 15 s; here the default is 0, at once.
	FeedbackInterval time.Duration
	// Journal keeps the queues over a restart: nothing does.
	Journal Journal
	// Observer is told what happens, from many goroutines at once: nobody. It must
	// not wait, nor call the broker: locks may be held.
	Observer func(Event)
	// Logger hears of messages that end, and of what cannot be kept: nobody.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	setDefault(&o.HostName, "localhost")
	setDefault(&o.LockTimeout, time.Minute)
	setDefault(&o.DefaultTTL, time.Hour)
	setDefault(&o.MaxDeliveryCount, 10)
	setDefault(&o.MaxQueue, 50)
	setDefault(&o.Logger, slog.New(slog.DiscardHandler))
	if o.Journal == nil {
		o.Journal = noJournal{}
	}
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Broker holds the queues of a hub.
type Broker struct {
	options  Options
	log      *slog.Logger
	rules    rules // of devices' queues
	feedback *feedback
	room     *room // for the messages of devices

	mu      sync.Mutex
	devices map[string]*Mailbox // of those that are registered
	kept    *State              // by the journal, and not taken up yet

	generation int64 // the last that was given

	subscribers atomic.Pointer[[]*Subscription] // changed under mu; nil: none
}

// New returns a broker that takes up what its journal holds.
func New(o Options) (*Broker, error) {
	o = o.withDefaults()
	b := &Broker{
		options: o,
		log:     o.Logger,
		rules: rules{
			pending:        o.MaxQueue,
			lock:           o.LockTimeout,
			ttl:            o.DefaultTTL,
			deliveries:     o.MaxDeliveryCount,
			countLostLocks: o.CountLostLocks,
		},
		devices: make(map[string]*Mailbox),
	}
	b.room = newRoom(o.MaxBytes)
	hubName, _, _ := strings.Cut(o.HostName, ".")
	b.feedback = newFeedback(b, hubName)
	var err error
	if b.kept, err = o.Journal.Load(); err != nil {
		return nil, err
	}
	b.takeUp()
	return b, nil
}

// takeUp restores the feedback queue, the records of messages that ended and were
// not reported, and the queues of the devices that are registered.
func (b *Broker) takeUp() {
	b.feedback.queue.restore(b.kept.Queues[FeedbackQueue])
	slices.SortStableFunc(b.kept.Records, func(x, y Record) int { return strings.Compare(x.EnqueuedTimeUTC, y.EnqueuedTimeUTC) })
	b.feedback.report(b.kept.Records...)
	delete(b.kept.Queues, FeedbackQueue)
	b.kept.Records = nil
	b.mu.Lock()
	defer b.mu.Unlock()
	// Sorted, since a module comes after its device.
	for _, path := range slices.Sorted(maps.Keys(b.kept.Identities)) {
		b.publish(b.newMailbox(parsePath(path)))
	}
	b.claim()
}

// Send enqueues m for a device or module.
func (b *Broker) Send(to ID, m *Message) *Refusal {
	return wait(func(done func(*Refusal)) { b.SendThen(to, m, done) })
}

// SendThen is [Broker.Send] for callers that must not wait, as [Queue.PutThen] is.
func (b *Broker) SendThen(to ID, m *Message, done func(*Refusal)) {
	box, refused := b.Mailbox(to)
	if refused != nil {
		done(refused)
		return
	}
	box.PutThen(m, func(err error) { done(b.refused(to, err)) })
}

// refused words an error of [Queue.Put].
func (b *Broker) refused(to ID, err error) *Refusal {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errGone):
		return NoDevice(to.Device, b.options.HostName)
	case errors.Is(err, ErrQueueFull):
		return Refuse(QueueFull, "Cloud-to-device messages enqueued for device %s exceeded the queue limit of %d.", to, b.options.MaxQueue)
	case errors.Is(err, errNoRoom):
		return Refuse(HubFull, "The messages that wait on this hub take nearly all of the %d bytes of memory that they may take: receive or purge some.", b.options.MaxBytes)
	default:
		return Refuse(Internal, "%v", err)
	}
}

// Purge removes all messages that wait for a device or module, those in its hands
// too, and returns how many there were.
func (b *Broker) Purge(id ID) (int, *Refusal) {
	box, refused := b.Mailbox(id)
	if refused != nil {
		return 0, refused
	}
	n, err := box.Purge()
	if err != nil {
		return 0, Refuse(Internal, "%v", err)
	}
	return n, nil
}

// Pending returns the ids of the messages in a device's queue, those in the
// device's hands included, in the order of their sequence numbers.
func (b *Broker) Pending(device string) []string {
	b.mu.Lock()
	box := b.devices[device]
	b.mu.Unlock()
	if box == nil {
		return nil
	}
	return box.MessageIDs()
}

// Feedback returns the queue of feedback messages.
func (b *Broker) Feedback() *Queue { return b.feedback.queue }

// Close stops all clocks: nothing is delivered any more, and nothing expires. It
// waits for what has been asked before. The journal is its owner's to close,
// afterwards.
func (b *Broker) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.devices {
		for _, box := range m.household() {
			box.close()
		}
	}
	b.feedback.close() // last, since the others report to it
}
