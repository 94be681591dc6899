package localhub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// handshake gets as far as an open connection, within handshakeTimeout.
func (c *conn) handshake(ctx context.Context) error {
	abort := context.AfterFunc(ctx, func() { _ = c.net.Close() })
	defer abort()
	if err := c.net.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return err
	}
	header, err := c.readHeader()
	if err != nil {
		return err
	}
	if header == amqpwire.HeaderSASL {
		if err := c.sasl(); err != nil {
			return err
		}
		if header, err = c.readHeader(); err != nil {
			return err
		}
	}
	// Either way the answer is the header that the hub wants (part 2 §2.2).
	if _, err := c.net.Write(amqpwire.HeaderAMQP[:]); err != nil {
		return err
	}
	if header != amqpwire.HeaderAMQP {
		return errors.New(otherAMQP(header))
	}
	if err := c.open(); err != nil {
		return err
	}
	return c.net.SetDeadline(time.Time{})
}

func (c *conn) readHeader() (header amqpwire.ProtocolHeader, err error) {
	_, err = io.ReadFull(c.br, header[:])
	return header, err
}

// open exchanges the open performatives.
func (c *conn) open() error {
	f, err := amqpwire.ReadFrame(c.br, c.manners.maxFrameSize)
	if err != nil {
		return err
	}
	peer, ok := f.Body.(*amqpwire.Open)
	if !ok {
		return fmt.Errorf("%T where open is expected", f.Body)
	}
	c.peer = *peer
	c.log = c.log.With("container", peer.ContainerID)
	return c.writeFrame(amqpwire.Frame{Body: c.manners.open()})
}

// writeFrame sends one frame itself, before there is a writer.
func (c *conn) writeFrame(f amqpwire.Frame) error {
	b, err := amqpwire.AppendFrame(nil, f)
	if err != nil {
		return err
	}
	_, err = c.net.Write(b)
	return err
}
