package amqpserver

import "iothub-c2d/internal/amqpwire"

// Handler decides what one connection may do. Its methods, and those of the
// sinks and sources that it returns, run on the connection's owner goroutine:
// they need no lock against each other, and must not wait for long.
type Handler interface {
	// Login checks the client's answer to SASL with one of the mechanisms that
	// were offered: nil lets it in. A client may do without SASL.
	Login(mechanism amqpwire.Symbol, response []byte) *amqpwire.Error
	// Sink returns what takes the messages that the client sends on l, or why the
	// link is refused. The attach is the client's own.
	Sink(l *Link, a *amqpwire.Attach) (Sink, *amqpwire.Error)
	// Source returns what gives the messages that the client receives on l, or why
	// the link is refused. The source may wake the link from now on.
	Source(l *Link, a *amqpwire.Attach) (Source, *amqpwire.Error)
}

// Sink takes the messages of a link. It may also have these methods:
//
//	Credit() uint32           // messages that a client may have under way: 100; 0: it never gets any
//	TooLarge() *amqpwire.Error // words the refusal of a message above the maximum
type Sink interface {
	// MaxMessageSize returns the largest encoded message that the link takes, in
	// bytes. A larger one costs the client the link.
	MaxMessageSize() int
	// Accept returns the outcome of a message, which is settled with it at once, or
	// [Later]. It is nil if there is none: the client goes on waiting.
	Accept(m Incoming) amqpwire.DeliveryState
}

// Incoming is a message from a client.
type Incoming struct {
	Format  uint32 // the message-format of its transfer
	Settled bool   // the client waits for no outcome
	Payload []byte // the encoded message; the sink's to keep

	receiver *receiver
	id       uint32
	size     int // of the payload, bytes
}

// Source gives the messages of a link. It may also have these methods:
//
//	MaxMessageSize() int // the largest encoded message that it gives, in bytes
//	Lost(why error)      // the client has ended the link, its session or the
//	                     // connection with an error, or the connection has broken;
//	                     // called before Release and Close
type Source interface {
	// Next returns the next message, which is in the receiver's hands until it is
	// settled or released. It is not ok if there is none now; [Link.Wake] says when
	// to ask again.
	Next() (m Outgoing, ok bool)
	// Empty reports whether there is no message now.
	Empty() bool
	// Settle carries out the receiver's outcome of a delivery and returns the answer
	// to it, which goes to a receiver that waits for one (rcv-settle-mode second), or
	// [Later]. If it is nil, there is no answer and the delivery stays open. On a link
	// whose messages are settled when they are sent, the outcome is accepted, after
	// the last frame.
	Settle(s Settlement) (answer amqpwire.DeliveryState)
	// Release gives deliveries back as if they had not been, but for those whose
	// answer is still to come. It is called at most once, when the link ends in good
	// order, and then before Close.
	Release(tags [][]byte)
	// Close says that the link is over. Deliveries that were neither settled nor
	// released may still be in the receiver's hands.
	Close()
}

// Outgoing is a message to a client. The slices are not to be changed any more.
type Outgoing struct {
	Tag     []byte // names the delivery to the source; at most 32 bytes (part 2 §2.8.7)
	Format  uint32 // the message-format of its transfer
	Payload []byte // the encoded message
}
