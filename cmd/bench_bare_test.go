package cmd_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/tap"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// playPart plays the part that the environment has, if it has one.
func playPart() (code int, played bool) {
	text, ok := os.LookupEnv(partVariable)
	if !ok {
		return 0, false
	}
	var p part
	err := json.Unmarshal([]byte(text), &p)
	if err == nil {
		err = p.play(context.Background())
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.Role, err)
		return 1, true
	}
	return 0, true
}

func (p part) play(ctx context.Context) error {
	switch {
	case p.Role == "fill":
		return p.fill(ctx)
	case p.Role == "send":
		return p.send(ctx)
	case p.Role == "receive":
		return p.receive(ctx)
	case p.Role == "round trip" && p.Tap:
		return p.roundTrips(ctx)
	case p.Role == "round trip":
		return p.bareRoundTrips(ctx)
	}
	return fmt.Errorf("there is no role %q", p.Role)
}

// fill sends messages to the devices in turns.
func (p part) fill(ctx context.Context) error {
	s, err := iothub.DialService(ctx, defaults.ServiceString(p.Address), nil)
	if err != nil {
		return err
	}
	defer s.Close(ctx)
	return p.each(func(n int) error {
		device := defaults.DeviceID
		if p.Devices > 0 {
			device = "device-" + strconv.Itoa(n%p.Devices)
		}
		return s.Send(ctx, device, &iothub.Message{ID: strconv.Itoa(n), Body: []byte(text)})
	})
}

// each calls f for every message, in as many goroutines as may be in flight. They
// last, as in the tools.
func (p part) each(f func(n int) error) error {
	var next atomic.Int64
	var workers sync.WaitGroup
	errs := make(chan error, p.InFlight)
	for range p.InFlight {
		workers.Go(func() {
			for n := next.Add(1); n <= int64(p.Messages); n = next.Add(1) {
				if err := f(int(n)); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	workers.Wait()
	close(errs)
	return <-errs
}

// dial opens a connection with nothing but go-amqp, or with the tap under it. A
// device is named, a back end is not.
func (p part) dial(ctx context.Context, device string) (*amqp.Conn, error) {
	stream, err := net.Dial("tcp", p.Address)
	if err != nil {
		return nil, err
	}
	if p.CA != "" {
		config := p.tls()
		config.ServerName = "localhost"
		stream = tls.Client(stream, config)
	}
	if p.Tap {
		stream = tap.New(stream, nil)
	}
	conn, err := amqp.NewConn(ctx, stream, &amqp.ConnOptions{HostName: "localhost"})
	if err != nil {
		return nil, err
	}
	resource, policy := "localhost", defaults.Policy
	if device != "" {
		resource, policy = "localhost/devices/"+device, ""
	}
	return conn, putToken(ctx, conn, resource, sas.NewToken(defaults.Key(), resource, policy, time.Now().Add(time.Hour)))
}

// tls returns a configuration that trusts the part's CA.
func (p part) tls() *tls.Config {
	pem, err := os.ReadFile(p.CA)
	if err != nil {
		panic(err) // the hub has written it
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: roots}
}

// putToken authenticates a connection, as [iothub] does it.
func putToken(ctx context.Context, conn *amqp.Conn, resource string, token sas.Token) error {
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		return err
	}
	sender, err := session.NewSender(ctx, "$cbs", nil)
	if err != nil {
		return err
	}
	receiver, err := session.NewReceiver(ctx, "$cbs", nil)
	if err != nil {
		return err
	}
	err = sender.Send(ctx, &amqp.Message{
		Properties:            &amqp.MessageProperties{MessageID: "1", To: new("$cbs"), ReplyTo: new("cbs")},
		ApplicationProperties: map[string]any{"operation": "put-token", "type": "servicebus.windows.net:sastoken", "name": resource},
		Value:                 token.Reveal(),
	}, nil)
	if err != nil {
		return err
	}
	reply, err := receiver.Receive(ctx, nil)
	if err != nil {
		return err
	}
	return receiver.AcceptMessage(ctx, reply)
}

func bareMessage(id string) *amqp.Message {
	m := amqp.NewMessage([]byte(text))
	m.Properties = &amqp.MessageProperties{MessageID: id, To: new("/devices/" + defaults.DeviceID + "/messages/devicebound")}
	return m
}

func (p part) send(ctx context.Context) error {
	sender, conn, err := p.sender(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return p.each(func(n int) error { return sender.Send(ctx, bareMessage(strconv.Itoa(n)), nil) })
}

func (p part) sender(ctx context.Context) (*amqp.Sender, *amqp.Conn, error) {
	conn, err := p.dial(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	sender, err := session.NewSender(ctx, "/messages/devicebound", nil)
	return sender, conn, err
}

func (p part) receive(ctx context.Context) error {
	conn, err := p.dial(ctx, defaults.DeviceID)
	if err != nil {
		return err
	}
	defer conn.Close()
	receiver, err := receiverOn(ctx, conn, "/devices/"+defaults.DeviceID+"/messages/devicebound", amqp.ReceiverSettleModeFirst)
	if err != nil {
		return err
	}
	for range p.Messages {
		if _, err := takeNext(ctx, receiver); err != nil {
			return err
		}
	}
	return nil
}

// receiverOn attaches a receiver, which waits for the hub's word on a settlement, in
// mode second, or does not.
func receiverOn(ctx context.Context, conn *amqp.Conn, address string, mode amqp.ReceiverSettleMode) (*amqp.Receiver, error) {
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		return nil, err
	}
	return session.NewReceiver(ctx, address, &amqp.ReceiverOptions{Credit: 100, SettlementMode: &mode})
}

func takeNext(ctx context.Context, receiver *amqp.Receiver) (*amqp.Message, error) {
	m, err := receiver.Receive(ctx, nil)
	if err != nil {
		return nil, err
	}
	return m, receiver.AcceptMessage(ctx, m)
}
