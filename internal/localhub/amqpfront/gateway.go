package amqpfront

import (
	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
)

// Gateway is a generation of IoT Hub's front end. They differ in details that
// some clients trip over.
type Gateway string

// The two generations in use.
const (
	GatewayV1 Gateway = "v1"
	// GatewayV2 sends flow frames without next-incoming-id, against AMQP 1.0
	// part 2 §2.7.4.
	GatewayV2 Gateway = "v2"
)

// options returns the details, as observed on real hubs.
func (g Gateway) options() amqpserver.Options {
	if g == GatewayV1 {
		return amqpserver.Options{
			ContainerPrefix: "DeviceGateway_",
			Hostname:        "localhost",
			MaxFrameSize:    65536,
			ChannelMax:      8191,
			Mechanisms:      []amqpwire.Symbol{"EXTERNAL", "MSSBCBS", "ANONYMOUS", "PLAIN"},
			Welcome:         "Welcome!",
		}
	}
	return amqpserver.Options{
		MaxFrameSize:       65535,
		ChannelMax:         1024,
		Mechanisms:         []amqpwire.Symbol{"PLAIN", "ANONYMOUS", "MSSBCBS", "EXTERNAL"},
		OmitNextIncomingID: true,
	}
}
