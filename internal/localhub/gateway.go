package localhub

import (
	"crypto/rand"
	"encoding/hex"

	"iothub-c2d/internal/amqpwire"
)

// Gateway is a generation of IoT Hub's front end. They differ in details that
// some clients trip over.
type Gateway string

// The two generations in use.
const (
	GatewayV1 Gateway = "v1"
	// GatewayV2 sends flow frames without next-incoming-id.
	GatewayV2 Gateway = "v2"
)

// manners are the details, as observed on real hubs.
type manners struct {
	containerPrefix string
	hostname        string
	maxFrameSize    uint32 // bytes
	channelMax      uint16
	mechanisms      []amqpwire.Symbol
	saslWelcome     string
	// omitNextIncoming leaves next-incoming-id out of flow frames, against
	// AMQP 1.0 part 2 §2.7.4.
	omitNextIncoming bool
}

// idleTimeOut is how long the hub waits for a sign of life, in milliseconds.
const idleTimeOut uint32 = 240_000

var gateways = map[Gateway]manners{
	GatewayV1: {
		containerPrefix: "DeviceGateway_",
		hostname:        "localhost",
		maxFrameSize:    65536,
		channelMax:      8191,
		mechanisms:      []amqpwire.Symbol{"EXTERNAL", "MSSBCBS", "ANONYMOUS", "PLAIN"},
		saslWelcome:     "Welcome!",
	},
	GatewayV2: {
		maxFrameSize:     65535,
		channelMax:       1024,
		mechanisms:       []amqpwire.Symbol{"PLAIN", "ANONYMOUS", "MSSBCBS", "EXTERNAL"},
		omitNextIncoming: true,
	},
}

// open returns the hub's side of a new connection.
func (m manners) open() *amqpwire.Open {
	var id [16]byte
	_, _ = rand.Read(id[:]) // documented never to fail
	return &amqpwire.Open{
		ContainerID:  m.containerPrefix + hex.EncodeToString(id[:]),
		Hostname:     m.hostname,
		MaxFrameSize: new(m.maxFrameSize),
		ChannelMax:   new(m.channelMax),
		IdleTimeOut:  new(idleTimeOut),
	}
}
