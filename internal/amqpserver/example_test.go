package amqpserver_test

import (
	"context"
	"fmt"
	"net"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
)

// mailbox is a queue in memory for one client. It is the handler of a connection
// and stands behind all links: every method is called by the connection's owner.
type mailbox struct {
	ready    [][]byte
	held     map[string][]byte // by delivery tag
	receiver *amqpserver.Link
	last     int
}

func (*mailbox) Login(amqpwire.Symbol, []byte) *amqpwire.Error { return nil }

func (m *mailbox) Sink(*amqpserver.Link, *amqpwire.Attach) (amqpserver.Sink, *amqpwire.Error) {
	return m, nil
}

func (m *mailbox) Source(l *amqpserver.Link, _ *amqpwire.Attach) (amqpserver.Source, *amqpwire.Error) {
	if m.receiver != nil {
		return nil, amqpserver.Errorf(amqpserver.CondNotAllowed, "Somebody reads %s already.", l.Address())
	}
	m.receiver = l
	return m, nil
}

func (*mailbox) MaxMessageSize() int { return 64 << 10 }

func (m *mailbox) Accept(in amqpserver.Incoming) amqpwire.DeliveryState {
	m.ready = append(m.ready, in.Payload)
	if m.receiver != nil {
		m.receiver.Wake()
	}
	return &amqpwire.Accepted{}
}

func (m *mailbox) Next() (amqpserver.Outgoing, bool) {
	if m.Empty() {
		return amqpserver.Outgoing{}, false
	}
	m.last++
	tag, payload := fmt.Sprint(m.last), m.ready[0]
	m.ready, m.held[tag] = m.ready[1:], payload
	return amqpserver.Outgoing{Tag: []byte(tag), Payload: payload}, true
}

func (m *mailbox) Empty() bool { return len(m.ready) == 0 }

func (m *mailbox) Settle(s amqpserver.Settlement) amqpwire.DeliveryState {
	fmt.Println("settled:", amqpwire.TextOf(s.Outcome))
	delete(m.held, string(s.Tag)) // whatever the outcome
	return &amqpwire.Accepted{}
}

func (m *mailbox) Release(tags [][]byte) {
	for _, tag := range tags {
		m.ready = append(m.ready, m.held[string(tag)])
		delete(m.held, string(tag))
	}
}

func (m *mailbox) Close() { m.receiver = nil }

func newMailbox(*amqpserver.Conn) amqpserver.Handler {
	return &mailbox{held: make(map[string][]byte)}
}

// A client sends a message to the mailbox, and receives it.
func Example() {
	ctx := context.Background()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	served := make(chan error)
	go func() {
		c, err := l.Accept()
		if err == nil {
			err = amqpserver.Serve(ctx, c, newMailbox, nil)
		}
		served <- err
	}()

	if err := sendAndReceive(ctx, "amqp://"+l.Addr().String()); err != nil {
		panic(err)
	}
	fmt.Println("served:", <-served)
	// Output:
	// received: hello
	// settled: accepted()
	// served: <nil>
}

func sendAndReceive(ctx context.Context, address string) error {
	conn, err := amqp.Dial(ctx, address, nil)
	if err != nil {
		return err
	}
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		return err
	}
	sender, err := session.NewSender(ctx, "mailbox", nil)
	if err != nil {
		return err
	}
	if err := sender.Send(ctx, amqp.NewMessage([]byte("hello")), nil); err != nil {
		return err
	}
	receiver, err := session.NewReceiver(ctx, "mailbox", nil)
	if err != nil {
		return err
	}
	message, err := receiver.Receive(ctx, nil)
	if err != nil {
		return err
	}
	fmt.Printf("received: %s\n", message.GetData())
	if err := receiver.AcceptMessage(ctx, message); err != nil {
		return err
	}
	return conn.Close()
}
