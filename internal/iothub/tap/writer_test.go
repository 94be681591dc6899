package tap

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// written is a tap on a pipe whose other end a test reads. A read there returns no
// more than was written at once.
type written struct {
	*Tap
	hub net.Conn
}

// inBubble runs test with a tap, in a synctest bubble.
func inBubble(t *testing.T, test func(*testing.T, written)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		client, hub := net.Pipe()
		w := written{New(client, nil), hub}
		defer w.Wait()
		defer w.Close()
		defer hub.Close()
		test(t, w)
	})
}

// write writes a frame of n bytes, and lets all others run.
func (w written) write(t *testing.T, n int) {
	t.Helper()
	began := time.Now()
	if got, err := w.Write(heartbeat(n)); got != n || err != nil || time.Since(began) > 0 {
		t.Fatalf("Write = %d, %v after %v, want %d at once", got, err, time.Since(began), n)
	}
	synctest.Wait()
}

// read returns the size of what was written at once.
func (w written) read(t *testing.T) int {
	t.Helper()
	n, err := w.hub.Read(make([]byte, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// heartbeat returns a frame of n bytes that the tap has no interest in.
func heartbeat(n int) []byte {
	b := make([]byte, n)
	copy(b, []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), 2})
	return b
}

// TestWritesAreJoined wants a frame to be written at once if nothing is in front of
// it, and those that wait in one write.
func TestWritesAreJoined(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w written) {
		for _, n := range []int{100, 20, 30, 40} {
			w.write(t, n)
		}
		for _, want := range []int{100, 90} {
			if got := w.read(t); got != want {
				t.Errorf("%d bytes were written at once, want %d", got, want)
			}
		}
		synctest.Wait()
		w.write(t, 50)
		if got := w.read(t); got != 50 {
			t.Errorf("%d bytes were written at once, want 50", got)
		}
	})
}

// TestWritesAreBounded wants a writer to wait for room until its deadline, and a
// frame that is larger than all room to pass.
func TestWritesAreBounded(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w written) {
		w.write(t, 100)
		w.write(t, maxWaiting+1)
		if err := w.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := w.Write(heartbeat(8)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("Write = %v after %v, want that its time is up after 1 s", err, time.Since(began))
		}
		if err := w.SetWriteDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Minute/3, func() { w.read(t) })
		if _, err := w.Write(heartbeat(8)); err != nil {
			t.Errorf("Write = %v, want it to wait for room", err)
		}
		for _, want := range []int{maxWaiting + 1, 8} {
			if got := w.read(t); got != want {
				t.Errorf("%d bytes were written at once, want %d", got, want)
			}
		}
	})
}

// TestUnreadWrites wants a hub that reads nothing to be given up: by the next Write,
// and by whoever reads.
func TestUnreadWrites(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w written) {
		w.write(t, 100)
		began := time.Now()
		if _, err := w.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != writeTimeout {
			t.Errorf("Read = %v after %v, want that time was up after %v", err, time.Since(began), writeTimeout)
		}
		for range 2 {
			if _, err := w.Write(heartbeat(8)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("Write = %v, want that time was up", err)
			}
		}
		if !w.Broken() {
			t.Error("the stream counts as good")
		}
	})
}

// TestFailedWrite wants a Write that waits for room to hear that the stream failed.
func TestFailedWrite(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w written) {
		w.write(t, 100)
		w.write(t, maxWaiting)
		time.AfterFunc(time.Second, func() { w.hub.Close() })
		if _, err := w.Write(heartbeat(8)); !errors.Is(err, io.ErrClosedPipe) || !w.Broken() {
			t.Errorf("Write = %v, broken %t, want a closed pipe that is", err, w.Broken())
		}
	})
}

// TestLastFrame wants Write to return when the last frame is written, or after a
// second, and nothing to be taken after Close.
func TestLastFrame(t *testing.T) {
	t.Parallel()
	last, err := amqpwire.AppendFrame(nil, amqpwire.Frame{Body: &amqpwire.Close{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ reads, want time.Duration }{
		{time.Second / 2, time.Second / 2},
		{time.Minute, flushTimeout},
	} {
		inBubble(t, func(t *testing.T, w written) {
			w.write(t, 100)
			reader := time.AfterFunc(tt.reads, func() { w.read(t); w.read(t) })
			defer reader.Stop()
			began := time.Now()
			if _, err := w.Write(last); err != nil || time.Since(began) != tt.want {
				t.Errorf("Write = %v after %v, want %v", err, time.Since(began), tt.want)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			w.Wait()
			if _, err := w.Write(last); !errors.Is(err, net.ErrClosed) || w.Broken() {
				t.Errorf("Write = %v, broken %t, want it closed, and not broken", err, w.Broken())
			}
		})
	}
}

// TestWritesInOrder wants every byte written once and in order, whatever is joined.
func TestWritesInOrder(t *testing.T) {
	t.Parallel()
	client, hub := net.Pipe()
	tap := New(client, nil)
	var sent []byte
	received := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(io.LimitReader(hub, 1<<22))
		received <- all
	}()
	random := rand.New(rand.NewPCG(1, 2))
	for left := 1 << 22; left > 0; {
		frame := heartbeat(min(left, max(8, random.IntN(maxWaiting/8))))
		if left -= len(frame); left < 8 {
			frame, left = heartbeat(len(frame)+left), 0
		}
		for i := range frame[8:] {
			frame[8+i] = byte(random.Uint32())
		}
		sent = append(sent, frame...)
		n, err := tap.Write(frame)
		clear(frame) // it is the caller's again
		if n != len(frame) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	if got := <-received; !bytes.Equal(got, sent) {
		t.Errorf("%d bytes arrived of %d, or others", len(got), len(sent))
	}
	tap.Close()
	tap.Wait()
}
