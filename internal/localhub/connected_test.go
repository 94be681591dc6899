package localhub_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/mqttwire"
)

// comings collects who connects and disconnects, and over what.
type comings struct {
	mu   sync.Mutex
	told []string
	both chan struct{} // one place: somebody has come and gone
}

func (c *comings) observe(e localhub.Event) {
	if e.Name() != "connected" && e.Name() != "disconnected" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	line := strings.Join([]string{e.Name(), e.Device, e.Over.Protocol, e.Over.Transport}, " ")
	if e.Over.Client == "" {
		line += " from nowhere"
	}
	if c.told = append(c.told, line); len(c.told) == 2 {
		c.both <- struct{}{}
	}
}

// want waits until a device has come and gone, and checks over what.
func (c *comings) want(t *testing.T, over string) {
	t.Helper()
	<-c.both
	c.mu.Lock()
	defer c.mu.Unlock()
	if want := []string{"connected dev1 " + over, "disconnected dev1 " + over}; !slices.Equal(c.told, want) {
		t.Errorf("told %q, want %q", c.told, want)
	}
}

// TestTransportsAreTold checks that events name the protocol and the transport of
// each way to the hub, and that a device with several links comes once.
func TestTransportsAreTold(t *testing.T) {
	t.Parallel()
	for _, r := range routes() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			c := comings{both: make(chan struct{}, 1)}
			l := overLoopback(t, localhub.Options{Observer: c.observe})
			exchange(t, 10, l.dialer(r))
			c.want(t, "AMQP "+strings.FieldsFunc(r.name, func(c rune) bool { return c == ' ' || c == ',' })[0])
		})
	}
	for _, r := range mqttRoutes() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			c := comings{both: make(chan struct{}, 1)}
			conn, err := r.dial(t.Context(), overLoopback(t, localhub.Options{Observer: c.observe}))
			check(t, err)
			connectMQTT(t, conn, nil).Send(&mqttwire.Disconnect{})
			c.want(t, "MQTT "+r.name)
		})
	}
}
