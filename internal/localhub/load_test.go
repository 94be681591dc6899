package localhub

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// load is a client that costs little: it makes its frames from a pattern, and
// looks at no more of the hub's than it must.
type load struct {
	b   testing.TB
	net net.Conn
	br  *bufio.Reader
	out []byte // not written yet

	transfer []byte // the pattern
	idAt     int    // where its delivery id is
	next     uint32 // delivery id of the next message
}

// The codes of performatives.
const (
	codeAttach      = 0x12
	codeFlow        = 0x13
	codeTransfer    = 0x14
	codeDisposition = 0x15
)

// dialLoad returns a client with an open session and a token.
func dialLoad(b testing.TB, address, token string) *load {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	c := &load{b: b, net: conn, br: bufio.NewReaderSize(conn, 64<<10)}
	c.out = append(c.out, amqpwire.HeaderAMQP[:]...)
	c.add(&amqpwire.Open{ContainerID: "load", Hostname: testHost})
	c.add(&amqpwire.Begin{IncomingWindow: 1 << 31, OutgoingWindow: 5000})
	c.add(rawclient.SenderAttach(cbsSender, "$cbs"))
	c.add(rawclient.ReceiverAttach(cbsReceiver, "$cbs"))
	c.grantOn(cbsReceiver, 0, 5000)
	if _, err := c.br.Discard(len(amqpwire.HeaderAMQP)); err != nil {
		b.Fatal(err)
	}
	c.putToken(token)
	m := &amqpwire.Message{
		Properties: &amqpwire.Properties{MessageID: "m", To: deviceAddress},
		Data:       [][]byte{make([]byte, 100)},
	}
	c.transfer = appendFrame(b, nil, &amqpwire.Transfer{
		DeliveryID: new(uint32(idPattern)), DeliveryTag: []byte("tag"),
	}, rawclient.Encode(b, m)...)
	c.idAt = bytes.Index(c.transfer, binary.BigEndian.AppendUint32(nil, idPattern))
	return c
}

func (c *load) attach(a *amqpwire.Attach) {
	a.RcvSettleMode = new(amqpwire.ReceiverSecond)
	c.add(a)
	c.flush()
	c.skip(codeAttach)
}

// putToken puts a token that must be accepted.
func (c *load) putToken(text string) {
	c.add(&amqpwire.Transfer{Handle: cbsSender, DeliveryID: new(uint32), Settled: true}, rawclient.Encode(c.b, putTokenRequest(text, "id"))...)
	c.flush()
	if reply := c.skip(codeTransfer); !bytes.Contains(reply, []byte("OK")) {
		c.b.Fatalf("the token is refused: %q", reply)
	}
	c.accept()
}

// accept settles the delivery that has come.
func (c *load) accept() {
	c.add(&amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: c.next, Settled: true, State: &amqpwire.Accepted{}})
	c.next++
	c.flush()
}

// skip reads up to a frame with the given code.
func (c *load) skip(want byte) (frame []byte) {
	code, frame := c.read()
	for code != want {
		code, frame = c.read()
	}
	return frame
}

func (c *load) add(body amqpwire.Performative, payload ...byte) {
	c.out = appendFrame(c.b, c.out, body, payload...)
}

func appendFrame(b testing.TB, to []byte, body amqpwire.Performative, payload ...byte) []byte {
	to, err := amqpwire.AppendFrame(to, amqpwire.Frame{Body: body, Payload: payload})
	if err != nil {
		b.Fatal(err)
	}
	return to
}

func (c *load) flush() {
	if len(c.out) == 0 {
		return
	}
	if _, err := c.net.Write(c.out); err != nil {
		c.b.Fatal(err)
	}
	c.out = c.out[:0]
}

// read returns the code of the next frame's performative, and the frame.
func (c *load) read() (code byte, frame []byte) {
	start, err := c.br.Peek(8)
	if err != nil {
		c.b.Fatal(err)
	}
	size := int(binary.BigEndian.Uint32(start))
	if frame, err = c.br.Peek(size); err != nil {
		c.b.Fatal(err)
	}
	if _, err := c.br.Discard(size); err != nil {
		c.b.Fatal(err)
	}
	if size < 11 {
		return 0, frame
	}
	return frame[10], frame
}

// idPattern stands for the delivery id in the pattern of a transfer.
const idPattern = 0x7a7b7c7d

// sendAll sends n messages, of which so many wait for their outcome at once.
func (c *load) sendAll(n, inFlight int) {
	for sent, answered := 0, 0; answered < n; {
		for ; sent < n && sent-answered < inFlight; sent++ {
			binary.BigEndian.PutUint32(c.transfer[c.idAt:], c.next)
			c.next++
			c.out = append(c.out, c.transfer...)
		}
		c.flush()
		for again := true; again; again = c.br.Buffered() > 0 {
			if code, frame := c.read(); code == codeDisposition {
				answered++
				wantAccepted(c.b, frame)
			}
		}
	}
}

// wantAccepted looks for the code of accepted at the end of a disposition.
func wantAccepted(b testing.TB, frame []byte) {
	if string(frame[len(frame)-4:]) != "\x00\x53\x24\x45" {
		b.Fatalf("the hub answered %x", frame)
	}
}

// settleAll receives n messages and accepts them, of which so many wait for the
// hub's confirmation at once.
func (c *load) settleAll(n, inFlight int) {
	c.grant(inFlight)
	granted := inFlight
	for received, answered := 0, 0; answered < n; {
		for again := true; again; again = c.br.Buffered() > 0 {
			switch code, frame := c.read(); code {
			case codeTransfer:
				received++
				c.add(&amqpwire.Disposition{Role: amqpwire.RoleReceiver, First: c.next, State: &amqpwire.Accepted{}})
				c.next++
			case codeDisposition:
				answered++
				wantAccepted(c.b, frame)
			}
		}
		if more := answered + inFlight - granted; more > 0 && granted < n && more >= (inFlight+1)/2 {
			granted += more
			c.grant(granted - received)
		}
		c.flush()
	}
	c.grant(0)
	c.flush()
}

// grant lets the hub send so many more messages.
func (c *load) grant(credit int) { c.grantOn(0, c.next-1, credit) }

func (c *load) grantOn(handle, deliveryCount uint32, credit int) {
	c.add(&amqpwire.Flow{
		NextIncomingID: new(c.next + 1), IncomingWindow: 1 << 31, OutgoingWindow: 5000,
		Handle: &handle, DeliveryCount: &deliveryCount, LinkCredit: new(uint32(credit)),
	})
	c.flush()
}
