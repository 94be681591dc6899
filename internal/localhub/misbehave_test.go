package localhub_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/fault"
)

// opening returns an open connection by the route.
func (l line) opening(t *testing.T, r route) net.Conn {
	t.Helper()
	c, err := l.dialer(r)(t.Context())
	check(t, err)
	sendFrame(t, c, amqpwire.HeaderAMQP[:], &amqpwire.Open{ContainerID: "raw"})
	var header amqpwire.ProtocolHeader
	_, err = io.ReadFull(c, header[:])
	check(t, err)
	f, err := amqpwire.ReadFrame(c, 1<<20)
	check(t, err)
	if _, ok := f.Body.(*amqpwire.Open); !ok {
		t.Fatalf("the hub sent %s, want open", f)
	}
	return c
}

func sendFrame(t *testing.T, c net.Conn, before []byte, body amqpwire.Performative) {
	t.Helper()
	b, err := amqpwire.AppendFrame(before, amqpwire.Frame{Body: body})
	check(t, err)
	_, err = c.Write(b)
	check(t, err)
}

func faulty(t *testing.T, text string) localhub.Options {
	t.Helper()
	faults, err := fault.Parse(text)
	check(t, err)
	injector, err := fault.NewInjector(faults)
	check(t, err)
	return localhub.Options{Faults: injector}
}

// TestDropIsReset checks that the connection is reset, not closed, whatever AMQP
// goes over.
func TestDropIsReset(t *testing.T) {
	t.Parallel()
	l := overLoopback(t, faulty(t, "drop"))
	for _, r := range routes() {
		c := l.opening(t, r)
		sendFrame(t, c, nil, &amqpwire.Begin{IncomingWindow: 1, OutgoingWindow: 1})
		if _, err := c.Read(make([]byte, 100)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s ended with %v, want a reset", r.name, err)
		}
		_ = c.Close()
	}
}

// TestBlackHoleIgnoresClose checks that a hub which has fallen silent does not
// even hang up when the client says goodbye.
func TestBlackHoleIgnoresClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := overPipes(t, faulty(t, "black-hole")).opening(t, route{})
		sendFrame(t, c, nil, &amqpwire.Begin{})
		sendFrame(t, c, nil, &amqpwire.Close{})
		check(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		n, err := c.Read(make([]byte, 100))
		if timeout, _ := err.(net.Error); n > 0 || timeout == nil || !timeout.Timeout() {
			t.Errorf("read %d bytes and %v, want silence", n, err)
		}
		check(t, c.Close())
	})
}
