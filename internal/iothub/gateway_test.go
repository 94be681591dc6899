package iothub_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// TestBareLibraryFailsOnGatewayV2 shows why the tap is there: without it,
// go-amqp ends its session at the first flow of a v2 gateway.
func TestBareLibraryFailsOnGatewayV2(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		gateway localhub.Gateway
		want    string // in the error; empty for none
	}{
		{localhub.GatewayV1, ""},
		{localhub.GatewayV2, "flow without next-incoming-id"},
	} {
		t.Run(string(tt.gateway), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, address := startHub(t, &localhub.Options{Gateway: tt.gateway})
			err := bareSend(ctx, address)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
}

// bareSend sends a message with nothing but go-amqp, authenticated by SASL
// PLAIN, which needs no session of its own.
func bareSend(ctx context.Context, address string) error {
	sender, conn, err := bareSender(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	m := amqp.NewMessage([]byte("hello"))
	m.Properties = &amqp.MessageProperties{To: new("/devices/dev1/messages/devicebound")}
	return sender.Send(ctx, m, nil)
}

// bareSender attaches a sender with nothing but go-amqp.
func bareSender(ctx context.Context, address string) (*amqp.Sender, *amqp.Conn, error) {
	token := sas.NewToken(defaults.Key(), "localhost", "service", time.Now().Add(time.Hour)).Reveal()
	stream, err := net.Dial("tcp", address)
	if err != nil {
		return nil, nil, err
	}
	conn, err := amqp.NewConn(ctx, stream, &amqp.ConnOptions{
		HostName: "localhost",
		SASLType: amqp.SASLTypePlain("service@sas.root.localhost", token),
	})
	if err != nil {
		return nil, nil, err
	}
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	sender, err := session.NewSender(ctx, "/messages/devicebound", nil)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return sender, conn, nil
}

// TestManySendsOnOneSession goes past go-amqp's window of 5,000 transfers
// twice, with many sends under way at once.
func TestManySendsOnOneSession(t *testing.T) {
	t.Parallel()
	const sends, inFlight = 10_000, 50
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, address := startHub(t, &localhub.Options{Gateway: localhub.GatewayV2, MaxQueue: sends})
	service, err := iothub.DialService(ctx, serviceString(t, address), &iothub.Options{NoReconnect: true})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close(ctx)
	var senders sync.WaitGroup
	for i := range inFlight {
		senders.Go(func() {
			for n := range sends / inFlight {
				m := &iothub.Message{ID: fmt.Sprint(i, "-", n), Body: []byte("x")}
				if err := service.Send(ctx, "dev1", m); err != nil {
					t.Errorf("send %s: %v", m.ID, err)
					return
				}
			}
		})
	}
	senders.Wait()
}
