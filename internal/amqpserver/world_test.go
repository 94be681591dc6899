package amqpserver

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

type client = rawclient.Client

// world is a server in a synctest bubble, with a queue behind every address but
// those that begin with a slash.
type world struct {
	t       *testing.T
	options Options
	ctx     context.Context
	stop    context.CancelFunc
	served  sync.WaitGroup

	mu     sync.Mutex
	queues map[string]*queue
	conns  []*Conn // in the order in which they came
	ends   []error // of connections, likewise
	lines  []string
}

// inWorld runs a test against a server. When it ends, every goroutine must end
// too.
func inWorld(t *testing.T, o Options, f func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t, o)) })
}

func newWorld(t *testing.T, o Options) *world {
	w := &world{t: t, queues: make(map[string]*queue)}
	w.ctx, w.stop = context.WithCancel(context.Background())
	o.Logger = slog.New(logTo{w: w})
	memory := &ledger{left: 1 << 40}
	if o.Memory == nil {
		o.Memory = memory
	}
	w.options = o
	t.Cleanup(func() {
		w.stop()
		w.served.Wait()
		if memory.left != 1<<40 {
			t.Errorf("%d bytes are not given back at the end", 1<<40-memory.left)
		}
	})
	return w
}

// queue returns the queue behind an address.
func (w *world) queue(address string) *queue {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.queues[address]
	if q == nil {
		q = newQueue()
		w.queues[address] = q
	}
	return q
}

// serve serves a connection until its end.
func (w *world) serve(c net.Conn) {
	w.served.Go(func() {
		err := Serve(w.ctx, c, func(c *Conn) Handler {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.conns = append(w.conns, c)
			return &handler{w, c}
		}, &w.options)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ends = append(w.ends, err)
	})
}

// connect returns a client that has said nothing yet.
func (w *world) connect() *client {
	near, far := net.Pipe()
	w.serve(far)
	return rawclient.New(w.t, near)
}

// opened returns a client with an open connection that takes frames of the given
// size; 0: any.
func (w *world) opened(frameSize uint32) *client {
	w.t.Helper()
	c := w.connect()
	open := &amqpwire.Open{ContainerID: "raw"}
	if frameSize > 0 {
		open.MaxFrameSize = &frameSize
	}
	c.Open(open)
	return c
}

// begun returns a client with a session on channel 0 with a window of 5000.
func (w *world) begun() *client {
	w.t.Helper()
	c := w.opened(0)
	c.Begin(0, 5000)
	return c
}

// listening returns a client that receives from "q" on handle 0.
func (w *world) listening(credit uint32) *client {
	w.t.Helper()
	c := w.begun()
	c.Receiver(0, "q")
	c.Credit(0, 0, credit)
	return c
}

// ended returns how many connections have ended.
func (w *world) ended() int {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ends)
}

// wantEnded checks why the first connection ended.
func (w *world) wantEnded(text string) {
	w.t.Helper()
	if w.ended() == 0 {
		w.t.Fatal("no connection has ended")
	}
	err := w.ends[0]
	if text == "" && err != nil || text != "" && (err == nil || !strings.Contains(err.Error(), text)) {
		w.t.Errorf("the connection ended with %v, want %q", err, text)
	}
}

// logged reports whether a line of the log holds all of the texts.
func (w *world) logged(texts ...string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, line := range w.lines {
		found := true
		for _, text := range texts {
			found = found && strings.Contains(line, text)
		}
		if found {
			return true
		}
	}
	return false
}

// handler lets everybody do everything.
type handler struct {
	world *world
	conn  *Conn
}

func (h *handler) Login(mechanism amqpwire.Symbol, response []byte) *amqpwire.Error {
	if mechanism == "PLAIN" && string(response) != "\x00user\x00secret" {
		return Errorf(CondUnauthorized, "Wrong password.")
	}
	return nil
}

func (h *handler) Sink(l *Link, _ *amqpwire.Attach) (Sink, *amqpwire.Error) {
	if refused := refuse(l); refused != nil {
		return nil, refused
	}
	return sink{h.world.queue(l.Address())}, nil
}

func (h *handler) Source(l *Link, _ *amqpwire.Attach) (Source, *amqpwire.Error) {
	if refused := refuse(l); refused != nil {
		return nil, refused
	}
	return h.world.queue(l.Address()).source(l), nil
}

func refuse(l *Link) *amqpwire.Error {
	if strings.HasPrefix(l.Address(), "/") {
		return Errorf(CondNotFound, "There is no %s.", l.Address())
	}
	return nil
}

// logTo collects a world's log: the messages and all attributes.
type logTo struct {
	w     *world
	attrs string
}

func (logTo) Enabled(context.Context, slog.Level) bool { return true }

func (l logTo) Handle(_ context.Context, r slog.Record) error {
	line := r.Message + l.attrs
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	l.w.lines = append(l.w.lines, line)
	return nil
}

func (l logTo) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		l.attrs += " " + a.String()
	}
	return l
}

func (l logTo) WithGroup(string) slog.Handler { return l }
