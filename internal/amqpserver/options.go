package amqpserver

import (
	"log/slog"
	"strings"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// Options configure a server. The zero value of each field means its default.
type Options struct {
	// ContainerPrefix begins the container id; 32 random hex digits follow: empty.
	ContainerPrefix string
	// Hostname is the server's name in its open: empty.
	Hostname string
	// MaxFrameSize is the largest frame that the server takes and sends, in bytes:
	// 65536.
	MaxFrameSize uint32
	// ChannelMax is the highest channel of a session: 1023.
	ChannelMax uint16
	// Mechanisms are those of SASL, in the order of the offer: ANONYMOUS.
	Mechanisms []amqpwire.Symbol
	// Welcome is the additional data of a good SASL outcome: empty.
	Welcome string
	// Goodbye describes the errors that clients get when the context ends: "The
	// server is closing."
	Goodbye string
	// OmitNextIncomingID leaves next-incoming-id out of flow frames, as some servers
	// do against part 2 §2.7.4.
	OmitNextIncomingID bool
	// IdleTimeout is how long the server waits for a sign of life: 240 s.
	IdleTimeout time.Duration
	// Untrusted bounds what a client can make the server hold on one connection
	// until [Conn.Trust], in bytes, and the frames that it may send to a quarter of
	// that: no more than later.
	Untrusted int
	// Memory bounds what all connections hold: nothing does.
	Memory Memory
	// HandshakeTimeout is how long a client may take to an open connection: 30 s.
	HandshakeTimeout time.Duration
	// Explain returns the human part of an error, for the log: its description.
	Explain func(*amqpwire.Error) string
	// Frame, if it is set, sees every frame of an open connection that has a body,
	// other than close, before it is handled. If it is done with the frame, the
	// frame goes no further. Its error ends the connection; an *amqpwire.Error in
	// it is told to the client.
	Frame func(c *Conn, f amqpwire.Frame) (done bool, err error)
	// Delay, if it is set, says how long the client's attach for a link to an address
	// waits before it is handled. Meanwhile nothing more is heard from this client.
	Delay func(c *Conn, address string) time.Duration
	// Logger hears of links and sessions that end for a reason: nobody.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	setDefault(&d.MaxFrameSize, 65536)
	d.MaxFrameSize = max(d.MaxFrameSize, amqpwire.MinMaxFrameSize)
	setDefault(&d.ChannelMax, 1023)
	setDefault(&d.Goodbye, "The server is closing.")
	setDefault(&d.IdleTimeout, 240*time.Second)
	setDefault(&d.HandshakeTimeout, 30*time.Second)
	if d.Mechanisms == nil {
		d.Mechanisms = []amqpwire.Symbol{"ANONYMOUS"}
	}
	if d.Explain == nil {
		d.Explain = func(e *amqpwire.Error) string { return strings.TrimSpace(e.Description) }
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return d
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
