package iothub_test

import (
	"bytes"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
)

// corruptingConn makes the first feedback message that the hub writes unreadable.
type corruptingConn struct {
	net.Conn
	done atomic.Bool
}

func (g *corruptingConn) Write(p []byte) (int, error) {
	good, bad := []byte(`"originalMessageId":`), []byte(`"originalMessageId";`)
	if bytes.Contains(p, good) && !g.done.Swap(true) {
		p = bytes.Replace(p, good, bad, 1)
	}
	return g.Conn.Write(p)
}

// TestUnreadableFeedback wants a feedback message that cannot be read to keep
// nobody from the next, and to stay with the hub.
func TestUnreadableFeedback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, localhub.Options{})
		defer w.close()
		log := newLogbook()
		s := w.service(t.Context(), iothub.Options{Logger: slog.New(log), Dial: w.through(func(server net.Conn) net.Conn {
			return &corruptingConn{Conn: server}
		})})
		f, err := s.ReceiveFeedback(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		d := w.device(t.Context(), "dev1", iothub.Options{})
		for n := range 2 {
			if err := w.send(t.Context(), s, "dev1", n); err != nil {
				t.Fatal(err)
			}
			if _, err := w.receive(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		for w.ledger.open() > 0 { // the first comes again when its lock has run out
			if err := w.report(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if got := log.counted("feedback passed over"); got != 1 {
			t.Errorf("%d messages passed over, want 1", got)
		}
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
		w.closeService(s)
		w.verify()
	})
}
