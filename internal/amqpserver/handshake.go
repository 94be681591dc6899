package amqpserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// handshake gets as far as an open connection, in time.
func (c *Conn) handshake(ctx context.Context) error {
	abort := context.AfterFunc(ctx, func() { _ = c.net.Close() })
	defer abort()
	if err := c.net.SetDeadline(time.Now().Add(c.options.HandshakeTimeout)); err != nil {
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
	// Either way the answer is the header that the server wants (part 2 §2.2).
	if _, err := c.net.Write(amqpwire.HeaderAMQP[:]); err != nil {
		return err
	}
	if header != amqpwire.HeaderAMQP {
		return HeaderError{header}
	}
	if err := c.open(); err != nil {
		return err
	}
	return c.net.SetDeadline(time.Time{})
}

func (c *Conn) readHeader() (header amqpwire.ProtocolHeader, err error) {
	_, err = io.ReadFull(c.br, header[:])
	return header, err
}

// open exchanges the open performatives.
func (c *Conn) open() error {
	f, err := c.readFrame()
	if err != nil {
		return err
	}
	peer, ok := f.Body.(*amqpwire.Open)
	if !ok {
		return fmt.Errorf("%T where open is expected", f.Body)
	}
	c.log = c.log.With("container", brief(peer.ContainerID))
	c.adapt(peer)
	return c.writeFrame(amqpwire.Frame{Body: c.options.open()})
}

// adapt keeps what the client asks for, and nothing else of its open, which may
// be large.
func (c *Conn) adapt(peer *amqpwire.Open) {
	size := c.options.MaxFrameSize
	if peer.MaxFrameSize != nil {
		size = min(size, max(*peer.MaxFrameSize, amqpwire.MinMaxFrameSize))
	}
	c.peerFrameSize = int(size)
	// Something is sent twice within the time that the client allows, or within the
	// server's own if it sets none.
	silence := c.options.IdleTimeout
	if t := peer.IdleTimeOut; t != nil && *t > 0 {
		silence = min(silence, time.Duration(*t)*time.Millisecond)
	}
	c.heartbeat = max(silence/2, 10*time.Millisecond)
}

// open returns the server's side of a new connection.
func (o *Options) open() *amqpwire.Open {
	var id [16]byte
	_, _ = rand.Read(id[:]) // documented never to fail
	return &amqpwire.Open{
		ContainerID:  o.ContainerPrefix + hex.EncodeToString(id[:]),
		Hostname:     o.Hostname,
		MaxFrameSize: new(o.MaxFrameSize),
		ChannelMax:   new(o.ChannelMax),
		IdleTimeOut:  new(uint32(o.IdleTimeout.Milliseconds())),
	}
}

// writeFrame sends one frame itself, before there is a writer.
func (c *Conn) writeFrame(f amqpwire.Frame) error {
	b, err := amqpwire.AppendFrame(nil, f)
	if err != nil {
		return err
	}
	_, err = c.net.Write(b)
	return err
}
