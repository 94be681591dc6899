package localhub_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
)

// A test of a device of one's own: the hub is in the test's process, and tells the
// test what waits for the device.
func Example() {
	ctx := context.Background()
	hub, err := localhub.New(&localhub.Options{Devices: []localhub.Device{{ID: "lamp", Key: defaults.Key()}}})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- hub.Serve(listener) }()
	defer func() {
		hub.Close() // ends Serve
		<-served
	}()
	address := listener.Addr().String()

	service, err := iothub.DialService(ctx, defaults.ServiceString(address), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close(ctx)
	if err := service.Send(ctx, "lamp", &iothub.Message{ID: "m1", Body: []byte("on")}); err != nil {
		log.Fatal(err)
	}
	fmt.Println("before:", hub.Pending("lamp"))

	// Here the device under test would connect, in whatever language it is.
	lamp, err := iothub.DialDevice(ctx, defaults.DeviceString(address, "lamp", defaults.Key()), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer lamp.Close(ctx)
	delivery, err := lamp.Receive(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("lamp: %s\n", delivery.Body)
	if err := delivery.Complete(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("after:", hub.Pending("lamp"))
	// Output:
	// before: [m1]
	// lamp: on
	// after: []
}
