package broker

import (
	"errors"
	"math"
	"sync"
)

// room is what the messages of all devices may take in memory, in bytes. They may
// be few for each device, and yet many.
type room struct {
	mu   sync.Mutex
	left int
}

var errNoRoom = errors.New("the hub has no room for the message")

func newRoom(limit int) *room {
	if limit == 0 {
		limit = math.MaxInt
	}
	return &room{left: limit}
}

// take takes n bytes, if there are so many.
func (r *room) take(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n > r.left {
		return false
	}
	r.left -= n
	return true
}

// force takes n bytes, come what may: the journal has kept the message.
func (r *room) force(n int) { r.give(-n) }

// give gives n bytes back.
func (r *room) give(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left += n
}
