package iothub_test

import (
	"context"
	"net"
	"testing"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// startHub serves a local hub on a loopback port until the test ends, and
// returns it with its address.
func startHub(t testing.TB, options *localhub.Options) (*localhub.Hub, string) {
	t.Helper()
	if options == nil {
		options = &localhub.Options{}
	}
	if options.Devices == nil {
		options.Devices = []localhub.Device{{ID: "dev1", Key: defaults.Key()}}
	}
	hub, err := localhub.New(options)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- hub.Serve(l) }()
	t.Cleanup(func() {
		hub.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return hub, l.Addr().String()
}

func parse(t testing.TB, s string) sas.ConnectionString {
	t.Helper()
	cs, err := sas.ParseConnectionString(s)
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

func deviceString(t testing.TB, address, id string) sas.ConnectionString {
	return parse(t, "HostName="+address+";DeviceId="+id+";SharedAccessKey="+defaults.Key().Base64()+";UseDevelopmentEmulator=true")
}

func serviceString(t testing.TB, address string) sas.ConnectionString {
	return parse(t, "HostName="+address+";SharedAccessKeyName=service;SharedAccessKey="+defaults.Key().Base64()+";UseDevelopmentEmulator=true")
}

func TestRoundTrip(t *testing.T) {
	for _, gateway := range []localhub.Gateway{localhub.GatewayV1, localhub.GatewayV2} {
		t.Run(string(gateway), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, address := startHub(t, &localhub.Options{Gateway: gateway})
			service, err := iothub.DialService(ctx, serviceString(t, address), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer service.Close(ctx)
			feedback, err := service.ReceiveFeedback(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := service.Send(ctx, "dev1", &iothub.Message{ID: "m1", Body: []byte("hello"), Ack: iothub.AckFull}); err != nil {
				t.Fatal(err)
			}
			device, err := iothub.DialDevice(ctx, deviceString(t, address, "dev1"), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer device.Close(ctx)
			d, err := device.Receive(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(d.Body); got != "hello" {
				t.Errorf("body = %q, want hello", got)
			}
			if err := d.Complete(ctx); err != nil {
				t.Fatal(err)
			}
			batch, err := feedback.Receive(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if got := batch.Records[0]; got.MessageID != "m1" || got.Status != iothub.Success {
				t.Errorf("feedback = %+v, want Success of m1", got)
			}
			if err := batch.Complete(ctx); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func newServiceToken() sas.Token {
	return sas.NewToken(defaults.Key(), "localhost", "service", time.Now().Add(time.Hour))
}
