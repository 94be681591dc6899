package iothub

import "net"

// NewTap lets the benchmarks put a tap under go-amqp alone.
func NewTap(c net.Conn) net.Conn { return newTap(c) }
