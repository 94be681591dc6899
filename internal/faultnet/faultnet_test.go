package faultnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/faultnet"
)

// pair returns a faulty end and the other one.
func pair(t *testing.T, seed uint64) (*faultnet.Conn, net.Conn) {
	t.Helper()
	a, b := faultnet.Pipe(1 << 16)
	c := faultnet.NewConn(a, seed)
	t.Cleanup(func() {
		_ = c.Close()
		_ = b.Close()
	})
	return c, b
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		ending    faultnet.Ending
		wantRead  error
		wantWrite error
	}{
		{"reset", faultnet.Reset, syscall.ECONNRESET, syscall.ECONNRESET},
		{"eof", faultnet.EOF, io.EOF, syscall.EPIPE},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, peer := pair(t, 1)
			breaks := 0
			c.OnBreak(func() { breaks++ })
			c.CutAfter(faultnet.Writing, 5, tt.ending)
			n, err := c.Write([]byte("hello world"))
			if n != 5 || !errors.Is(err, tt.wantWrite) {
				t.Errorf("Write = %d, %v, want 5, %v", n, err, tt.wantWrite)
			}
			if got, err := io.ReadAll(peer); string(got) != "hello" || err != nil {
				t.Errorf("peer got %q, %v, want hello and EOF", got, err)
			}
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, tt.wantRead) {
				t.Errorf("Read = %v, want %v", err, tt.wantRead)
			}
			if breaks != 1 {
				t.Errorf("told of %d breaks, want 1", breaks)
			}
		})
	}
}

func TestCutReading(t *testing.T) {
	t.Parallel()
	c, peer := pair(t, 1)
	c.CutAfter(faultnet.Reading, 3, faultnet.EOF)
	if _, err := peer.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if string(got) != "hel" || err != nil {
		t.Errorf("got %q, %v, want hel and EOF", got, err)
	}
}

// TestCutTCP wants a true reset on a true socket.
func TestCutTCP(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	faultnet.NewConn(a, 1).Cut(faultnet.Reset)
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("peer's Read = %v, want a reset", err)
	}
}

func TestBlackHole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, peer := pair(t, 1)
		c.BlackHoleAfter(faultnet.Writing, 2)
		if n, err := c.Write([]byte("hello")); n != 5 || err != nil {
			t.Errorf("Write = %d, %v, want 5: swallowed", n, err)
		}
		got := make([]byte, 9)
		if n, err := peer.Read(got); string(got[:n]) != "he" || err != nil {
			t.Errorf("peer got %q, %v, want he", got[:n], err)
		}
		_ = peer.Close() // not even this arrives
		began := time.Now()
		_ = c.SetReadDeadline(began.Add(time.Minute))
		if _, err := c.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read = %v, want the deadline", err)
		}
		if after := time.Since(began); after != time.Minute {
			t.Errorf("Read returned after %s, want 1m", after)
		}
	})
}

// TestBlackHoleWakes wants a read that waits already to hear of new orders, of
// deadlines and of Close.
func TestBlackHoleWakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, peer := pair(t, 1)
		done := make(chan error)
		read := func() {
			_, err := c.Read(make([]byte, 1))
			done <- err
		}
		go read()
		synctest.Wait()
		c.BlackHole()
		if _, err := peer.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read = %v, want the deadline", err)
		}
		_ = c.SetReadDeadline(time.Time{})
		go read()
		synctest.Wait()
		_ = c.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read = %v, want closed", err)
		}
	})
}

func TestSlice(t *testing.T) {
	t.Parallel()
	sizes := func(seed uint64) (got []int) {
		c, peer := pair(t, seed)
		c.Slice(7)
		sent := bytes.Repeat([]byte("0123456789"), 20)
		if _, err := c.Write(sent); err != nil {
			t.Fatal(err)
		}
		back := make([]byte, len(sent))
		if _, err := io.ReadFull(peer, back); err != nil || !bytes.Equal(back, sent) {
			t.Fatalf("peer got %q, %v", back, err)
		}
		if _, err := peer.Write(sent); err != nil {
			t.Fatal(err)
		}
		for total := 0; total < len(sent); {
			n, err := c.Read(back)
			if err != nil || n < 1 || n > 7 {
				t.Fatalf("Read = %d, %v, want 1 to 7", n, err)
			}
			total += n
			got = append(got, n)
		}
		return got
	}
	first, again, other := sizes(1), sizes(1), sizes(2)
	if !slices.Equal(first, again) {
		t.Error("the same seed gave other slices")
	}
	if slices.Equal(first, other) {
		t.Error("another seed gave the same slices")
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := pair(t, 1)
		c.Delay(time.Second, time.Second)
		began := time.Now()
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d < time.Second || d >= 2*time.Second {
			t.Errorf("Write took %s, want 1 s to 2 s", d)
		}
	})
}

func TestDialerRefuses(t *testing.T) {
	t.Parallel()
	var prepared []int
	d := &faultnet.Dialer{
		Dial: func(context.Context) (net.Conn, error) {
			a, _ := faultnet.Pipe(1)
			return a, nil
		},
		Prepare: func(n int, _ *faultnet.Conn) { prepared = append(prepared, n) },
	}
	d.Refuse(2)
	for i, want := range []error{syscall.ECONNREFUSED, syscall.ECONNREFUSED, nil, nil} {
		if _, err := d.DialContext(t.Context()); !errors.Is(err, want) {
			t.Errorf("attempt %d = %v, want %v", i+1, err, want)
		}
	}
	if got := d.Attempts(); got != 4 || !slices.Equal(prepared, []int{1, 2}) {
		t.Errorf("%d attempts, prepared %v, want 4 and [1 2]", got, prepared)
	}
}

// TestPipeFull wants a write to wait for room, and for its deadline at most.
func TestPipeFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := faultnet.Pipe(4)
		_ = a.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := a.Write([]byte("hello")); n != 4 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write = %d, %v, want 4 and the deadline", n, err)
		}
		_ = a.Close()
		if got, err := io.ReadAll(b); string(got) != "hell" || err != nil {
			t.Errorf("got %q, %v, want hell and EOF", got, err)
		}
		if _, err := b.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("Write to a closed end = %v, want EPIPE", err)
		}
	})
}
