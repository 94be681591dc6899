//go:build linux

package cmd_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpwire"
)

// cmdOddHub serves a device the messages whose names it is given. No hub of ours
// has such messages.
func cmdOddHub(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: oddhub MESSAGE...")
	}
	var messages []oddMessage
	for i, name := range args {
		m, ok := oddMessages[name]
		if !ok {
			ts.Fatalf("no message %q", name)
		}
		payload, err := m(&amqpwire.Properties{MessageID: fmt.Sprintf("%s-%d", name, i)}).Append(nil)
		ts.Check(err)
		messages = append(messages, oddMessage{name, payload})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				_ = amqpserver.Serve(ctx, conn, func(*amqpserver.Conn) amqpserver.Handler { return &oddHub{messages: messages} }, nil)
			})
		}
	})
	ts.Defer(func() {
		cancel()
		_ = l.Close()
		served.Wait()
	})
	ts.Setenv("ODDHUB", l.Addr().String())
}

type oddMessage struct {
	name    string
	payload []byte
}

// oddMessages are messages with given properties. Those up to "large" the AMQP
// library does not take.
var oddMessages = map[string]func(p *amqpwire.Properties) *amqpwire.Message{
	"char": func(p *amqpwire.Properties) *amqpwire.Message {
		return &amqpwire.Message{Properties: p, ApplicationProperties: amqpwire.Map{{Key: "initial", Value: amqpwire.Char('x')}, {Key: "color", Value: "red"}}, Data: body("odd")}
	},
	"key": func(p *amqpwire.Properties) *amqpwire.Message {
		return &amqpwire.Message{Properties: p, Footer: amqpwire.Map{{Key: amqpwire.List{"l"}, Value: "v"}}, Data: body("odd")}
	},
	"described-key": func(p *amqpwire.Properties) *amqpwire.Message {
		return &amqpwire.Message{Properties: p, Value: amqpwire.Map{{Key: amqpwire.Described{Descriptor: amqpwire.Symbol("d"), Value: amqpwire.List{"l"}}, Value: "v"}}}
	},
	"lists": func(p *amqpwire.Properties) *amqpwire.Message {
		return &amqpwire.Message{Properties: p, Value: amqpwire.Array{amqpwire.List{"x"}}}
	},
	"large": func(p *amqpwire.Properties) *amqpwire.Message {
		return &amqpwire.Message{Properties: p, Data: [][]byte{make([]byte, 1<<20)}}
	},
	"good": func(p *amqpwire.Properties) *amqpwire.Message {
		return &amqpwire.Message{Properties: p, Data: body("good")}
	},
	// The hub refuses to settle it.
	"stubborn": func(p *amqpwire.Properties) *amqpwire.Message {
		return &amqpwire.Message{Properties: p, Data: body("stubborn")}
	},
	"wide": func(p *amqpwire.Properties) *amqpwire.Message {
		return &amqpwire.Message{Properties: p, ApplicationProperties: amqpwire.Map{{Key: "long", Value: strings.Repeat("x", 200_000)}}, Data: body("wide")}
	},
}

func body(text string) [][]byte { return [][]byte{[]byte(text)} }

// oddHub is one connection: it lets everybody in, and has messages.
type oddHub struct {
	messages []oddMessage
	replies  []oddMessage
	cbs      *amqpserver.Link
}

func (*oddHub) Login(amqpwire.Symbol, []byte) *amqpwire.Error { return nil }

func (o *oddHub) Sink(*amqpserver.Link, *amqpwire.Attach) (amqpserver.Sink, *amqpwire.Error) {
	return o, nil
}

func (*oddHub) MaxMessageSize() int { return 64 << 10 }

// Accept answers put-token.
func (o *oddHub) Accept(in amqpserver.Incoming) amqpwire.DeliveryState {
	request, err := amqpwire.DecodeMessage(in.Payload)
	if err != nil || request.Properties == nil {
		return &amqpwire.Rejected{}
	}
	reply := &amqpwire.Message{
		Properties:            &amqpwire.Properties{CorrelationID: request.Properties.MessageID},
		ApplicationProperties: amqpwire.Map{{Key: "status-code", Value: int32(200)}},
	}
	payload, _ := reply.Append(nil)
	o.replies = append(o.replies, oddMessage{payload: payload})
	if o.cbs != nil {
		o.cbs.Wake()
	}
	return &amqpwire.Accepted{}
}

func (o *oddHub) Source(l *amqpserver.Link, _ *amqpwire.Attach) (amqpserver.Source, *amqpwire.Error) {
	if l.Address() == "$cbs" {
		o.cbs = l
		return &oddQueue{left: &o.replies}, nil
	}
	return &oddQueue{left: &o.messages}, nil
}

// oddQueue gives each message once.
type oddQueue struct {
	left *[]oddMessage
	sent []oddMessage // its index is the delivery tag
}

func (q *oddQueue) Next() (amqpserver.Outgoing, bool) {
	if q.Empty() {
		return amqpserver.Outgoing{}, false
	}
	m := (*q.left)[0]
	*q.left = (*q.left)[1:]
	q.sent = append(q.sent, m)
	return amqpserver.Outgoing{Tag: []byte{byte(len(q.sent) - 1)}, Payload: m.payload}, true
}

func (q *oddQueue) Empty() bool { return len(*q.left) == 0 }

func (q *oddQueue) Settle(said amqpserver.Settlement) amqpwire.DeliveryState {
	if q.sent[said.Tag[0]].name == "stubborn" {
		return &amqpwire.Rejected{Error: &amqpwire.Error{Condition: "amqp:internal-error", Description: "not today"}}
	}
	return said.Outcome
}

func (*oddQueue) MaxMessageSize() int { return 2 << 20 }
func (*oddQueue) Release([][]byte)    {}
func (*oddQueue) Close()              {}
