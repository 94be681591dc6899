package tap

import (
	"cmp"
	"time"
)

// Broken reports whether reading from or writing to the stream failed before
// go-amqp closed it. If it did not, go-amqp had a reason of its own.
func (t *Tap) Broken() bool { return t.broken.Load() }

// Close closes the stream.
func (t *Tap) Close() error {
	t.closed.Store(true)
	t.writer.close()
	return t.Conn.Close()
}

// Wait waits for the goroutine that writes to the stream. It is to be called after
// Close; go-amqp itself cannot.
func (t *Tap) Wait() { t.writer.wait() }

// note takes note of the failure of the stream.
func (t *Tap) note(err error) {
	if err != nil && !t.closed.Load() {
		t.broken.Store(true)
	}
}

// SetDeadline sets how long Write and Read wait.
func (t *Tap) SetDeadline(at time.Time) error {
	_ = t.SetWriteDeadline(at) // it cannot fail
	return t.SetReadDeadline(at)
}

// SetWriteDeadline sets how long Write waits if too much waits to be written.
func (t *Tap) SetWriteDeadline(at time.Time) error {
	t.writer.setDeadline(at)
	return nil
}

// SetReadDeadline says how long go-amqp waits for more of what the hub sends: the
// next Read, and not one under way. go-amqp gets nothing of a frame before all is
// there, so each part starts the time anew.
func (t *Tap) SetReadDeadline(at time.Time) error {
	t.patience = 0
	if !at.IsZero() {
		t.patience = max(time.Until(at), 1)
	}
	return nil
}

// streamReader reads from the stream.
type streamReader struct{ tap *Tap }

func (r streamReader) Read(p []byte) (n int, err error) {
	var deadline time.Time
	if r.tap.patience > 0 {
		deadline = time.Now().Add(r.tap.patience)
	}
	if err = r.tap.Conn.SetReadDeadline(deadline); err == nil {
		n, err = r.tap.Conn.Read(p)
	}
	if err != nil {
		err = cmp.Or(r.tap.writer.failure(), err) // the stream may have been closed for it
	}
	r.tap.note(err)
	return n, err
}

// Write passes p on and looks at the frames in it. What it returns is not written
// yet, unless it is the last frame.
func (t *Tap) Write(p []byte) (int, error) {
	t.out.scan(p)
	n, err := t.writer.Write(p)
	if t.out.last {
		t.writer.drain(time.Now().Add(flushTimeout))
	}
	return n, err
}
