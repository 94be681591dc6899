package localhub

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// poorListener has no file descriptors for the first so many clients.
type poorListener struct {
	net.Listener
	poor   int
	why    error
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *poorListener) Accept() (net.Conn, error) {
	if l.poor > 0 {
		l.poor--
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", l.why)}
	}
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *poorListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (*poorListener) Addr() net.Addr { return &net.TCPAddr{} }

// TestNoFileDescriptors checks that the hub waits for clients to leave, and
// serves the next; and that it can be closed meanwhile.
func TestNoFileDescriptors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		why    error
		poor   int
		serves bool
	}{
		{syscall.EMFILE, 50, true},
		{syscall.ENFILE, 1, true},
		{syscall.EMFILE, 1 << 30, false},
	} {
		t.Run(fmt.Sprint(test.why, test.poor), func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				l := &poorListener{poor: test.poor, why: test.why, conns: make(chan net.Conn), closed: make(chan struct{})}
				served := make(chan error)
				go func() { served <- w.hub.Serve(l) }()
				if test.serves {
					near, far := net.Pipe()
					l.conns <- far
					_ = near.Close()
				} else {
					time.Sleep(time.Minute)
				}
				synctest.Wait()
				w.hub.Close()
				if err := <-served; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestAcceptFails(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		err := w.hub.Serve(&poorListener{poor: 1, why: syscall.EINVAL, closed: make(chan struct{})})
		if err == nil || !strings.Contains(err.Error(), "accept on ") {
			t.Errorf("Serve = %v, want an error", err)
		}
	})
}

func TestDeviceIDs(t *testing.T) {
	t.Parallel()
	for id, good := range map[string]bool{
		"a":                  true,
		"-:.+%_#*?!(),=@;$'": true,
		"käse/1":             true,
		"":                   false,
		"a/modules/x":        false,
	} {
		_, err := New(&Options{Devices: []Device{{ID: id}}})
		if (err == nil) != good {
			t.Errorf("device %q: %v, want good = %v", id, err, good)
		}
	}
	if _, err := New(&Options{Devices: []Device{{ID: "a"}, {ID: "a"}}}); err == nil || err.Error() != `device "a": it is registered twice` {
		t.Errorf("error = %v", err)
	}
}
