package iothub_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/tap"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
)

// The benchmarks measure this package and bare go-amqp in turns, against the
// same hub in the same run, and print the ratio: seconds differ from machine to
// machine, ratios hardly.

// turns runs ours and bare alternately, and reports how ours compares.
func turns(b *testing.B, ours, bare func() error) {
	var took [2]time.Duration
	n := 0
	for b.Loop() {
		for i, f := range []func() error{ours, bare} {
			began := time.Now()
			if err := f(); err != nil {
				b.Fatal(err)
			}
			took[i] += time.Since(began)
		}
		n++
	}
	b.ReportMetric(float64(took[0].Nanoseconds())/float64(n), "ours-ns/op")
	b.ReportMetric(float64(took[1].Nanoseconds())/float64(n), "bare-ns/op")
	b.ReportMetric(float64(took[0])/float64(took[1]), "ours/bare")
}

// benchHub is a v1 gateway: bare go-amqp cannot send to the other.
func benchHub(b *testing.B) string {
	_, address := startHub(b, &localhub.Options{
		Gateway:  localhub.GatewayV1,
		MaxQueue: 1 << 30,
		Devices: []localhub.Device{
			{ID: "dev1", Key: defaults.Key()}, {ID: "dev2", Key: defaults.Key()},
		},
	})
	return address
}

// BenchmarkSend sends messages of 1 KB, 100 under way at once.
func BenchmarkSend(b *testing.B) {
	address := benchHub(b)
	service := mustDialService(b, address)
	sender, conn, err := bareSender(b.Context(), address, unwrapped)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	const batch = 100
	senders := newTeam(b, batch)
	body := make([]byte, 1024)
	ours := func() error {
		return senders.each(batch, func(i int) error {
			return service.Send(b.Context(), "dev1", &iothub.Message{ID: fmt.Sprint(i), Body: body})
		})
	}
	bare := func() error {
		return senders.each(batch, func(i int) error { return sender.Send(b.Context(), bareMessage(fmt.Sprint(i), "dev1", body), nil) })
	}
	turns(b, ours, bare)
}

// BenchmarkTap sends as BenchmarkSend does, with go-amqp on both sides: "ours"
// has the tap under it, so the ratio is what the tap costs, less what it saves.
func BenchmarkTap(b *testing.B) {
	address := benchHub(b)
	const batch = 100
	senders := newTeam(b, batch)
	body := make([]byte, 1024)
	send := func(wrap func(net.Conn) net.Conn) func() error {
		sender, conn, err := bareSender(b.Context(), address, wrap)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		return func() error {
			return senders.each(batch, func(i int) error { return sender.Send(b.Context(), bareMessage(fmt.Sprint(i), "dev1", body), nil) })
		}
	}
	turns(b, send(tapped), send(unwrapped))
}

// BenchmarkRoundTrip sends a message, receives it at the device and completes
// it.
func BenchmarkRoundTrip(b *testing.B) {
	address := benchHub(b)
	service := mustDialService(b, address)
	device, err := iothub.DialDevice(b.Context(), deviceString(b, address, "dev1"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer device.Close(b.Context())
	sender, senderConn, err := bareSender(b.Context(), address, unwrapped)
	if err != nil {
		b.Fatal(err)
	}
	defer senderConn.Close()
	receiver, receiverConn, err := bareReceiver(b.Context(), address, "dev2")
	if err != nil {
		b.Fatal(err)
	}
	defer receiverConn.Close()
	body := make([]byte, 1024)
	ours := func() error {
		if err := service.Send(b.Context(), "dev1", &iothub.Message{ID: "m", Body: body}); err != nil {
			return err
		}
		d, err := device.Receive(b.Context())
		if err != nil {
			return err
		}
		return d.Complete(b.Context())
	}
	bare := func() error {
		if err := sender.Send(b.Context(), bareMessage("m", "dev2", body), nil); err != nil {
			return err
		}
		m, err := receiver.Receive(b.Context(), nil)
		if err != nil {
			return err
		}
		return receiver.AcceptMessage(b.Context(), m)
	}
	turns(b, ours, bare)
}

func bareMessage(id, device string, body []byte) *amqp.Message {
	m := amqp.NewMessage(body)
	m.Properties = &amqp.MessageProperties{MessageID: id, To: new("/devices/" + device + "/messages/devicebound")}
	return m
}

func mustDialService(b *testing.B, address string) *iothub.Service {
	service, err := iothub.DialService(b.Context(), serviceString(b, address), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { service.Close(context.Background()) })
	return service
}

// team is goroutines that send at once, one message after the other. They stay,
// and with them their stacks: growing a new one costs more than a message.
type team chan func()

func newTeam(b *testing.B, n int) team {
	t := make(team)
	var members sync.WaitGroup
	for range n {
		members.Go(func() {
			for f := range t {
				f()
			}
		})
	}
	b.Cleanup(func() {
		close(t)
		members.Wait()
	})
	return t
}

// each calls f n times, waits for all, and returns one of their errors.
func (t team) each(n int, f func(i int) error) (failed error) {
	errs := make(chan error, n)
	for i := range n {
		t <- func() { errs <- f(i) }
	}
	for range n {
		if err := <-errs; err != nil {
			failed = err
		}
	}
	return failed
}

// tapped puts a tap on a stream, and nothing else of this package.
func tapped(stream net.Conn) net.Conn { return tap.New(stream, nil) }
