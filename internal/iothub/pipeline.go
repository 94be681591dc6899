package iothub

import (
	"context"
	"sync"
	"sync/atomic"
)

// Pipeline does the same with many values, several at a time: it sends messages, or
// settles deliveries, without waiting for the hub's answer to one before it begins
// with the next. It begins in the order of the values, but does not end in it, nor
// do the frames go out strictly in it.
//
// Its goroutines last: a new one for each message would grow a stack of its own,
// which takes longer than to send the message.
type Pipeline[T any] struct {
	do      func(T)
	most    int64 // goroutines
	started atomic.Int64
	values  chan T
	working sync.WaitGroup
}

// NewPipeline returns a pipeline that calls do with up to n values at a time.
func NewPipeline[T any](n int, do func(T)) *Pipeline[T] {
	return &Pipeline[T]{do: do, most: int64(n), values: make(chan T)}
}

// Put begins with a value. If as many as may be are under way, it waits until one of
// them is done, or returns the cause of the end of ctx. Several goroutines may call it.
func (p *Pipeline[T]) Put(ctx context.Context, v T) error {
	select {
	case p.values <- v: // one of the goroutines has nothing to do
		return nil
	default:
	}
	for n := p.started.Load(); n < p.most; n = p.started.Load() {
		if p.started.CompareAndSwap(n, n+1) {
			p.working.Go(func() { p.work(v) })
			return nil
		}
	}
	select {
	case p.values <- v:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// work is one of the goroutines.
func (p *Pipeline[T]) work(first T) {
	p.do(first)
	for v := range p.values {
		p.do(v)
	}
}

// Close waits until all that was begun is done. Nothing can be put after it.
func (p *Pipeline[T]) Close() {
	close(p.values)
	p.working.Wait()
}
