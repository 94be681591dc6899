package mqttfront

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/localhub/registry"
	"iothub-c2d/internal/localhub/throttle"
)

const testHost = "myhub.azure-devices.net"

// The topics of dev1.
const (
	messages = "devices/dev1/messages/devicebound/#"
	events   = "devices/dev1/messages/events/"
)

var dev1 = broker.ID{Device: "dev1"}

// settings are what a test changes of a front.
type settings struct {
	broker  broker.Options
	devices []registry.Device // more than there are in every world
	memory  Memory

	connections *throttle.Bucket
}

// world is a front with its broker, in a synctest bubble.
type world struct {
	t      *testing.T
	front  *Front
	broker *broker.Broker
	reg    *registry.Registry
	ctx    context.Context // of the connections
	cancel context.CancelFunc
	served sync.WaitGroup

	mu    sync.Mutex
	log   bytes.Buffer
	told  []broker.Event
	ended []error // why connections did, in this order
}

// inWorld runs a test against a front with the devices dev1, dev2 and a.b:c. When
// it ends, every goroutine must end too.
func inWorld(t *testing.T, s settings, f func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t, s)) })
}

func newWorld(t *testing.T, s settings) *world {
	t.Helper()
	w := &world{t: t}
	s.broker.HostName, s.broker.Observer = testHost, w.observe
	devices := s.devices
	for _, id := range []string{"dev1", "dev2", "a.b:c"} {
		devices = append(devices, registry.Device{ID: id, Key: defaults.Key()})
	}
	var err error
	if w.broker, err = broker.New(s.broker); err != nil {
		t.Fatal(err)
	}
	w.reg, err = registry.New(registry.Options{Broker: w.broker, HostName: testHost, Devices: devices, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	control := access.New(access.Options{HostNames: []string{testHost}, Policies: access.DefaultPolicies(), Registry: w.reg})
	w.front = New(Options{Broker: w.broker, Access: control, Memory: s.memory, Connections: s.connections})
	w.ctx, w.cancel = context.WithCancel(context.Background())
	t.Cleanup(func() {
		w.cancel()
		w.served.Wait()
		w.broker.Close()
	})
	return w
}

func (w *world) observe(e broker.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, e)
}

// Write takes the log.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

// serve speaks with one client.
func (w *world) serve(c net.Conn, shown []*x509.Certificate) {
	log := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	err := w.front.Serve(w.ctx, Stream{Conn: c, Certificates: shown}, log)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = append(w.ended, err)
}

// wantEnded checks why the connection ended that has ended last.
func (w *world) wantEnded(want string) {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.ended) == 0 {
		w.t.Fatal("no connection has ended")
	}
	if got := fmt.Sprint(w.ended[len(w.ended)-1]); !strings.Contains(got, want) {
		w.t.Errorf("ended with %q, want %q in it", got, want)
	}
}

// wantLog checks that a text is in the log.
func (w *world) wantLog(text string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !strings.Contains(w.log.String(), text) {
		w.t.Errorf("log = %s, want %q in it", w.log.String(), text)
	}
}

// events returns how many events of a kind there were, with a detail.
func (w *world) events(kind broker.EventKind, detail string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.told {
		if e.Kind == kind && e.Detail == detail {
			n++
		}
	}
	return n
}

// connect returns a client that has said nothing yet.
func (w *world) connect(shown ...*x509.Certificate) *rawclient.Client {
	near, far := net.Pipe()
	w.served.Go(func() { w.serve(far, shown) })
	return rawclient.New(w.t, near)
}
