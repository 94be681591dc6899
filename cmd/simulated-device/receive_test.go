package main

import (
	"bytes"
	"cmp"
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/fault"
)

// TestHubThatDoesNotAnswer checks that a settlement which is not confirmed
// costs the lock of its message, and not the whole run.
func TestHubThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		faults, err := fault.NewInjector(fault.Faults{})
		if err != nil {
			t.Fatal(err)
		}
		hub, err := localhub.New(&localhub.Options{Faults: faults, Devices: []localhub.Device{{ID: "dev1", Key: defaults.Key()}}})
		if err != nil {
			t.Fatal(err)
		}
		var served sync.WaitGroup
		defer served.Wait()
		defer hub.Close()
		options := &iothub.Options{Dial: func(context.Context) (net.Conn, error) {
			client, server := faultnet.Pipe(1 << 16)
			served.Go(func() { hub.ServeConn(server) })
			return client, nil
		}}
		service, err := iothub.DialService(t.Context(), defaults.ServiceString(defaults.Address), options)
		if err != nil {
			t.Fatal(err)
		}
		defer service.Close(t.Context())
		if err := service.Send(t.Context(), "dev1", &iothub.Message{Body: []byte("hello")}); err != nil {
			t.Fatal(err)
		}
		device, err := iothub.DialDevice(t.Context(), defaults.DeviceString(defaults.Address, "dev1", defaults.Key()), options)
		if err != nil {
			t.Fatal(err)
		}
		defer device.Close(t.Context())
		d, err := device.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		silent, err := fault.Parse("withhold-disposition:first=1")
		if err != nil {
			t.Fatal(err)
		}
		if err := faults.Set(silent); err != nil {
			t.Fatal(err)
		}
		printer, err := newPrinter(&console.Console{Out: new(bytes.Buffer), Err: new(bytes.Buffer)}, printFlags{})
		if err != nil {
			t.Fatal(err)
		}
		r := &receiver{settle: &settler{otherwise: complete}, print: printer}
		settle := newSettlements(t.Context(), printer, func(error) {})
		if err := cmp.Or(r.handle(t.Context(), d, settle), settle.close()); err != nil || r.print.lost != 1 {
			t.Errorf("error = %v with %d locks lost, want none with 1", err, r.print.lost)
		}
	})
}
