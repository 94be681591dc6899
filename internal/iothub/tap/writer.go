package tap

import (
	"net"
	"os"
	"runtime"
	"sync"
	"time"
)

// writer joins writes. go-amqp writes each frame by itself: a system call, and over
// TLS a record, for every message. Here Write only copies, and the flusher's
// goroutine writes all that waits at once; meanwhile more may come. A frame with
// nothing in front of it is written at once.
//
// What goes wrong is told by the next Write, and by failure.
type writer struct {
	stream  net.Conn
	failed  func(error)    // is told of the stream's error
	flusher sync.WaitGroup // the first Write starts it

	mu       sync.Mutex
	changed  sync.Cond // any of what follows, with mu
	running  bool      // the flusher has been started
	writing  bool      // the flusher has bytes in hand
	waiting  []byte    // the bytes that the flusher takes next
	spare    []byte    // those that it has in hand, or had
	deadline time.Time // of Write; zero: none
	err      error     // why nothing more is taken; nil if it is
}

const (
	// maxWaiting bounds the bytes that wait, unless they are one frame.
	maxWaiting = 64 << 10
	// writeTimeout is how long the hub may leave our bytes unread. It is what go-amqp
	// has for a frame.
	writeTimeout = 30 * time.Second
	// flushTimeout is how long the last frame may take to be written.
	flushTimeout = time.Second
)

// newWriter returns a writer to a stream. Its owner closes the stream after close,
// and then calls wait.
func newWriter(stream net.Conn, failed func(error)) *writer {
	w := &writer{stream: stream, failed: failed}
	w.changed.L = &w.mu
	return w
}

// Write takes p over. It waits for room until the deadline. Only one goroutine may
// call it at a time.
func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.awaitRoom(len(p)); err != nil {
		return 0, err
	}
	if !w.running {
		w.running = true
		w.flusher.Go(w.flush)
	}
	w.waiting = append(w.waiting, p...)
	w.changed.Broadcast()
	return len(p), nil
}

// awaitRoom waits until there is room for n bytes. Called with mu held.
func (w *writer) awaitRoom(n int) error {
	full := func() bool { return len(w.waiting) > 0 && len(w.waiting)+n > maxWaiting }
	if !w.await(w.deadline, func() bool { return !full() }) {
		return os.ErrDeadlineExceeded
	}
	return w.err
}

// drain waits until all that was taken over is written, but no longer than until
// the deadline.
func (w *writer) drain(deadline time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.await(deadline, func() bool { return len(w.waiting) == 0 && !w.writing })
}

// await waits until done returns true, or nothing more is taken. It reports false
// if the deadline, where it is not zero, has passed before. Called with mu held.
func (w *writer) await(deadline time.Time, done func() bool) bool {
	if done() || w.err != nil {
		return true
	}
	if !deadline.IsZero() {
		over := time.AfterFunc(time.Until(deadline), w.wake)
		defer over.Stop()
	}
	for !done() && w.err == nil {
		if !deadline.IsZero() && !time.Now().Before(deadline) {
			return false
		}
		w.changed.Wait()
	}
	return true
}

func (w *writer) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed.Broadcast()
}

// setDeadline sets how long Write may wait for room.
func (w *writer) setDeadline(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline = t
}

// failure returns why nothing more is taken, nil if it is.
func (w *writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// flush is the flusher's goroutine.
func (w *writer) flush() {
	for {
		b := w.next()
		if len(b) == 0 {
			return
		}
		err := w.stream.SetWriteDeadline(time.Now().Add(writeTimeout))
		if err == nil {
			_, err = w.stream.Write(b)
		}
		if err != nil {
			w.failed(err)
			w.end(err)
			_ = w.stream.Close() // whoever reads from it would not hear of it otherwise
			return
		}
	}
}

// next waits until there is something to write, and returns all of it; nothing
// when no more will come. The bytes are good until the next call.
func (w *writer) next() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writing = false
	w.changed.Broadcast()
	for len(w.waiting) == 0 && w.err == nil {
		w.changed.Wait()
	}
	// Whoever is ready to run may be about to write: let them go first. If nobody
	// is, this takes no time.
	w.mu.Unlock()
	runtime.Gosched()
	w.mu.Lock()
	b := w.waiting
	w.waiting, w.spare, w.writing = w.spare[:0], b, true
	w.changed.Broadcast() // there is room
	return b
}

// end has nothing more taken, for the reason err if there is none yet.
func (w *writer) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.changed.Broadcast()
}

// close has nothing more taken.
func (w *writer) close() { w.end(net.ErrClosed) }

// wait waits for the flusher, which ends when the stream is closed.
func (w *writer) wait() { w.flusher.Wait() }
