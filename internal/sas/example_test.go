package sas_test

import (
	"errors"
	"fmt"
	"time"

	"iothub-c2d/internal/sas"
)

func ExampleParseDevice() {
	c, err := sas.ParseDevice("HostName=myhub.azure-devices.net;DeviceId=myFirstDevice;SharedAccessKey=c2VjcmV0")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c)
	fmt.Println(c.Resource())
	// Output:
	// HostName=myhub.azure-devices.net;DeviceId=myFirstDevice;SharedAccessKey=REDACTED
	// myhub.azure-devices.net/devices/myFirstDevice
}

func ExampleParseDevice_serviceString() {
	_, err := sas.ParseDevice("HostName=myhub.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0")
	fmt.Println(errors.Is(err, sas.ErrServiceString))
	fmt.Println(err)
	// Output:
	// true
	// connection string: DeviceId is missing: this is the connection string of a service, not of a device
}

// A client signs a token; the hub checks it.
func ExampleNewToken() {
	c, err := sas.ParseService("HostName=localhost:5672;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0;UseDevelopmentEmulator=true")
	if err != nil {
		fmt.Println(err)
		return
	}
	expiry := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	token := sas.NewToken(c.Key, c.Resource(), c.KeyName, expiry)
	fmt.Println(token)

	received, err := sas.ParseToken(token.Reveal())
	if err != nil {
		fmt.Println(err)
		return
	}
	primary, secondary := sas.NewKey([]byte("secret")), sas.NewKey([]byte("other"))
	fmt.Println(received.VerifiedBy(primary, secondary))
	fmt.Println(received.Covers("localhost/devices/myFirstDevice"))
	fmt.Println(received.Policy(), received.Expiry())
	// Output:
	// SharedAccessSignature sr=localhost&sig=REDACTED&se=1893456000&skn=service
	// true
	// true
	// service 2030-01-01 00:00:00 +0000 UTC
}

func ExampleConnectionString_Reveal() {
	c := sas.ConnectionString{
		HostName:               "localhost:5672",
		DeviceID:               "myFirstDevice",
		Key:                    sas.NewKey([]byte("secret")),
		UseDevelopmentEmulator: true,
	}
	fmt.Println("IOTHUB_DEVICE_CONNECTION_STRING=" + c.Reveal())
	// Output:
	// IOTHUB_DEVICE_CONNECTION_STRING=HostName=localhost:5672;DeviceId=myFirstDevice;SharedAccessKey=c2VjcmV0;UseDevelopmentEmulator=true
}
