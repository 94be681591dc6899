package mqttfront

import (
	"errors"
	"sync/atomic"

	"iothub-c2d/internal/mqttwire"
)

// Memory is what all connections may hold together. Its methods may be called from
// any goroutine.
type Memory interface {
	Take(n int) bool // n bytes, if so many are left
	Give(n int)      // n bytes back
}

// account is what one connection has taken of the memory of all, in bytes.
type account struct {
	memory Memory // nil: there is no limit
	taken  atomic.Int64
}

var errNoMemory = errors.New("the connections hold as much as they may: this one has to end")

func (a *account) take(n int) error {
	if a.memory == nil {
		return nil
	}
	if !a.memory.Take(n) {
		return errNoMemory
	}
	a.taken.Add(int64(n))
	return nil
}

func (a *account) give(n int) {
	if a.memory != nil {
		a.taken.Add(int64(-n))
		a.memory.Give(n)
	}
}

// close gives all back. Nothing is taken any more.
func (a *account) close() { a.give(int(a.taken.Load())) }

// What a packet may have for length, and what it costs, in bytes.
const (
	maxPublish = 256 << 10 // source: Microsoft docs, iot-mqtt-connect-to-iot-hub
	maxPacket  = 16 << 10  // of any other kind

	publishCost = 2  // times the length: the topic is copied
	packetCost  = 12 // times the length: a filter of one byte takes four, decoded up to 48
)

// reserve takes the memory that a packet will need, or says why it must not be
// read.
func (a *account) reserve(h mqttwire.Header) (cost int, err error) {
	limit, cost := maxPacket, packetCost*h.Length
	if h.IsPublish() {
		limit, cost = maxPublish, publishCost*h.Length
	}
	if h.Length > limit {
		return 0, mqttwire.TooLong(h.Length, limit)
	}
	return cost, a.take(cost)
}
