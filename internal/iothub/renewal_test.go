package iothub_test

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/sas"
)

// logbook counts what is logged.
type logbook struct {
	slog.Handler
	mu    sync.Mutex
	count map[string]int
}

func newLogbook() *logbook {
	return &logbook{Handler: slog.DiscardHandler, count: make(map[string]int)}
}

func (*logbook) Enabled(context.Context, slog.Level) bool { return true }

func (l *logbook) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count[r.Message]++
	return nil
}

func (l *logbook) counted(message string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count[message]
}

// TestCloseWithoutReason wants a hub that closes the connection without an
// error, while nothing goes on, to leave the renewal nothing to do.
func TestCloseWithoutReason(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, localhub.Options{})
		defer w.close()
		var hub net.Conn
		log := newLogbook()
		s := w.service(t.Context(), iothub.Options{Logger: slog.New(log), Dial: w.through(func(server net.Conn) net.Conn {
			hub = server
			return server
		})})
		time.Sleep(time.Minute)
		frame, err := amqpwire.AppendFrame(nil, amqpwire.Frame{Body: &amqpwire.Close{}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := hub.Write(frame); err != nil { // the hub is idle: nobody else writes
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := log.counted("token not renewed"); got != 0 {
			t.Errorf("%d renewals were tried, want 0", got)
		}
		if err := w.send(t.Context(), s, "dev1", 0); err != nil {
			t.Errorf("Send = %v, want a new connection", err)
		}
		w.closeService(s)
		w.verify()
	})
}

// silencedConn keeps everything but heartbeats from the hub, once told to.
type silencedConn struct {
	net.Conn
	deaf *atomic.Bool
}

func (d silencedConn) Write(p []byte) (int, error) {
	const heartbeat = 8 // bytes
	if d.deaf.Load() && len(p) > heartbeat {
		return len(p), nil
	}
	return d.Conn.Write(p)
}

// TestRenewalUnheard wants the renewal to survive a hub that answers nothing,
// not even a new session, while the connection stays up.
func TestRenewalUnheard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, localhub.Options{})
		defer w.close()
		var deaf atomic.Bool
		log := newLogbook()
		s := w.service(t.Context(), iothub.Options{
			SASTTL: tenMinutes,
			Logger: slog.New(log),
			Dial: func(ctx context.Context) (net.Conn, error) {
				c, err := w.dial(ctx)
				return silencedConn{c, &deaf}, err
			},
		})
		time.Sleep(8 * time.Minute) // the renewal is due half a minute later
		deaf.Store(true)
		time.Sleep(4 * time.Minute)
		deaf.Store(false)
		if err := w.send(t.Context(), s, "dev1", 0); err != nil {
			t.Error(err)
		}
		// It is said once for each new reason.
		if got := log.counted("token not renewed"); got < 1 || got > 3 {
			t.Errorf("it was logged %d times that a token was not renewed, want 1 to 3", got)
		}
		w.closeService(s)
	})
}

// TestReadyMadeTokenIsQuiet wants a token that nobody can renew to be no reason
// for complaint each time that this is noticed.
func TestReadyMadeTokenIsQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0, localhub.Options{})
		defer w.close()
		cs := deviceString(t, inMemory, "dev1")
		const life = 24 * time.Hour
		made, asked := time.Now(), 0
		log := newLogbook()
		d, err := iothub.DialDevice(t.Context(), cs, &iothub.Options{
			Dial:   w.dial,
			Logger: slog.New(log),
			Tokens: func(context.Context) (iothub.Token, error) {
				asked++
				token := sas.NewToken(cs.Key, cs.Resource(), "", made.Add(life))
				return iothub.NewToken(token.Reveal(), "servicebus.windows.net:sastoken", token.Expiry()), nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), life)
		defer cancel()
		if m, err := d.Receive(ctx); err == nil {
			t.Errorf("received %v", m)
		}
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := log.counted("token not renewed"); got != 1 || asked > 20 {
			t.Errorf("%d complaints after %d questions, want 1, and 20 at most", got, asked)
		}
	})
}
