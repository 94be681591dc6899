package localhub

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/defaults"
)

// raw is a client that says exactly what it is told to, to a hub. It lives in a
// synctest bubble.
type raw struct{ *rawclient.Client }

// connect returns a client that has said nothing yet.
func (w *world) connect() *raw {
	near, far := net.Pipe()
	w.served.Go(func() { w.hub.ServeConn(far) })
	return &raw{rawclient.New(w.t, near)}
}

// want returns the next frame, which must hold a T.
func want[T amqpwire.Performative](c *raw) T {
	c.T.Helper()
	return rawclient.Want[T](c.Client)
}

// wantAfterFlows is want, after any number of flows.
func wantAfterFlows[T amqpwire.Performative](c *raw) T {
	c.T.Helper()
	return rawclient.WantAfterFlows[T](c.Client)
}

// world is a hub in a synctest bubble.
type world struct {
	t      *testing.T
	hub    *Hub
	served sync.WaitGroup
}

const testHost = "myhub.azure-devices.net"

// inWorld runs a test against a hub with the devices dev1 and dev2. When it
// ends, every goroutine must end too.
func inWorld(t *testing.T, options Options, f func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t, options)) })
}

func newWorld(t *testing.T, options Options) *world {
	t.Helper()
	if options.HostName == "" {
		options.HostName = testHost
	}
	if options.Devices == nil {
		options.Devices = []Device{{ID: "dev1", Key: defaults.Key()}, {ID: "dev2", Key: defaults.Key()}}
	}
	hub, err := New(&options)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, hub: hub}
	t.Cleanup(func() {
		hub.Close()
		w.served.Wait()
	})
	return w
}
