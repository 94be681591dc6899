package tap

import "time"

// Broken reports whether reading from or writing to the stream failed before
// go-amqp closed it. If it did not, go-amqp had a reason of its own.
func (t *Tap) Broken() bool { return t.broken.Load() }

// Close closes the stream.
func (t *Tap) Close() error {
	t.closed.Store(true)
	return t.Conn.Close()
}

// note takes note of the failure of the stream.
func (t *Tap) note(err error) {
	if err != nil && !t.closed.Load() {
		t.broken.Store(true)
	}
}

// SetReadDeadline says how long go-amqp waits for more of what the hub sends. It
// gets nothing of a frame before all is there, so each part starts the time anew.
func (t *Tap) SetReadDeadline(at time.Time) error {
	t.patience = 0
	if !at.IsZero() {
		t.patience = time.Until(at)
	}
	return t.Conn.SetReadDeadline(at)
}

// streamReader reads from the stream.
type streamReader struct{ tap *Tap }

func (r streamReader) Read(p []byte) (int, error) {
	if patience := r.tap.patience; patience > 0 {
		if err := r.tap.Conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			r.tap.note(err)
			return 0, err
		}
	}
	n, err := r.tap.Conn.Read(p)
	r.tap.note(err)
	return n, err
}

// Write passes p on and looks at the frames in it.
func (t *Tap) Write(p []byte) (int, error) {
	t.out.scan(p)
	n, err := t.Conn.Write(p)
	t.note(err)
	return n, err
}
