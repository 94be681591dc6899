package tap

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
)

// TestSlowFrame wants a frame to be waited for as long as more of it comes, and
// no longer.
func TestSlowFrame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		defer server.Close()
		const patience = time.Minute
		frame := part(t, 1, 2, false, section(t, sectionData, make([]byte, 20)))
		go func() {
			_, _ = server.Write(amqpwire.HeaderAMQP[:])
			for _, b := range frame { // it takes 50 minutes
				time.Sleep(patience - time.Second)
				_, _ = server.Write([]byte{b})
			}
		}()
		tap := New(client, nil)
		wait := func() (int, error) {
			if err := tap.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			return tap.Read(make([]byte, 100))
		}
		for _, want := range []int{len(amqpwire.HeaderAMQP), len(frame)} {
			if n, err := wait(); n != want || err != nil {
				t.Errorf("Read = %d, %v, want %d", n, err, want)
			}
		}
		began := time.Now()
		if _, err := wait(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != patience {
			t.Errorf("%v after %v, want the end of patience", err, time.Since(began))
		}
		if err := tap.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(24*time.Hour, func() { server.Close() })
		if _, err := tap.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("%v, want patience without end", err)
		}
	})
}
