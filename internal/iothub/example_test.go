package iothub_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// The whole tutorial: the back end sends a message, the device completes it, and the
// back end hears of that.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	back, dev, stop := exampleHub()
	defer stop()

	service, err := iothub.DialService(ctx, back, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close(ctx)
	feedback, err := service.ReceiveFeedback(ctx) // before anything is sent
	if err != nil {
		log.Fatal(err)
	}
	err = service.Send(ctx, "myFirstDevice", &iothub.Message{
		ID:         "first",
		Body:       []byte(`{"service client sent a message": 14.32}`),
		Properties: map[string]any{"Property": "PropMsg_0"},
		Ack:        iothub.AckFull,
	})
	if err != nil {
		log.Fatal(err)
	}

	device, err := iothub.DialDevice(ctx, dev, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer device.Close(ctx)
	delivery, err := device.Receive(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("received %s %v\n", delivery.Body, delivery.Properties)
	if err := delivery.Complete(ctx); err != nil {
		log.Fatal(err)
	}

	batch, err := feedback.Receive(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, record := range batch.Records {
		fmt.Println(record.MessageID, record.Status)
	}
	if err := batch.Complete(ctx); err != nil { // or others are shown it as well
		log.Fatal(err)
	}
	// Output:
	// received {"service client sent a message": 14.32} map[Property:PropMsg_0]
	// first Success
}

// A message that the hub refuses leaves the Service as good as before.
func ExampleService_Send() {
	ctx := context.Background()
	back, _, stop := exampleHub()
	defer stop()
	service, err := iothub.DialService(ctx, back, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close(ctx)

	for _, device := range []string{"nobody", "myFirstDevice"} {
		err := service.Send(ctx, device, &iothub.Message{Body: []byte("hello")})
		fmt.Println(device, err == nil, iothub.IsRejection(err))
	}
	// Output:
	// nobody false true
	// myFirstDevice true false
}

// A device that cannot use a message now gives it back, and gets it again.
func ExampleDelivery_Abandon() {
	ctx := context.Background()
	back, dev, stop := exampleHub()
	defer stop()
	service, err := iothub.DialService(ctx, back, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close(ctx)
	if err := service.Send(ctx, "myFirstDevice", &iothub.Message{Body: []byte("hello")}); err != nil {
		log.Fatal(err)
	}

	device, err := iothub.DialDevice(ctx, dev, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer device.Close(ctx)
	for range 2 {
		delivery, err := device.Receive(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s, delivery count %d\n", delivery.Body, delivery.DeliveryCount)
		if err := delivery.Abandon(ctx); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// hello, delivery count 0
	// hello, delivery count 1
}

// exampleHub serves a local hub, and returns the connection strings of a back end and
// of its device. Azure's are made by [sas.ParseConnectionString].
func exampleHub() (back, device sas.ConnectionString, stop func()) {
	hub, err := localhub.New(&localhub.Options{Devices: []localhub.Device{{ID: "myFirstDevice", Key: defaults.Key()}}})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- hub.Serve(listener) }()
	address := listener.Addr().String()
	return defaults.ServiceString(address), defaults.DeviceString(address, "myFirstDevice", defaults.Key()), func() {
		hub.Close()
		<-done
	}
}
