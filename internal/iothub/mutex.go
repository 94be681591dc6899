package iothub

import "context"

// mutex is a lock that can be waited for with a context. Whoever holds it may
// wait for the network, so nobody must have to wait for it for ever.
type mutex chan struct{}

func newMutex() mutex { return make(mutex, 1) }

func (m mutex) lock(ctx context.Context) error {
	select {
	case m <- struct{}{}: // even if ctx has ended: nobody has to be waited for
		return nil
	default:
	}
	select {
	case m <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m mutex) unlock() { <-m }
