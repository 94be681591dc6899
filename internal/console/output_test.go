package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var terminal bytes.Buffer
		c := &Console{Err: &terminal, progress: &progress{w: &terminal}}
		n := 0
		stop := c.progress.start(func() string { n++; return fmt.Sprint(n, " sent\x07") })
		time.Sleep(progressDelay + progressInterval + time.Millisecond)
		synctest.Wait()
		c.Say("connection lost")
		time.Sleep(progressInterval)
		synctest.Wait()
		stop()
		c.Say("done")
		shown := func(text string) string { return clearLine + noWrap + text + wrap + "\r" }
		want := shown(`1 sent\a`) + shown(`2 sent\a`) + clearLine + "connection lost\n" +
			shown(`3 sent\a`) + clearLine + "done\n"
		if got := terminal.String(); got != want {
			t.Errorf("terminal = %q\nwant       %q", got, want)
		}
	})
}

// TestNoProgress makes sure that a short run, and one whose standard error is
// no terminal, show none.
func TestNoProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := &Console{Out: &out, Err: &out, progress: &progress{w: &out}}
		stop := c.ShowProgress(func() string { return "never" })
		time.Sleep(time.Minute)
		stop()
		stop = c.progress.start(func() string { return "never" })
		time.Sleep(progressDelay / 2)
		stop()
		if out.Len() > 0 {
			t.Errorf("output = %q", out.String())
		}
	})
}

func TestLogger(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, ""},
		{[]string{"-v"}, "level=INFO msg=hello error=\"SharedAccessKey=REDACTED\"\n"},
	} {
		var b bytes.Buffer
		c := &Console{Err: &b}
		parse(t, c, test.args...)
		c.Logger().Info("hello", "error", errors.New("SharedAccessKey=abc"))
		if got := b.String(); got != test.want {
			t.Errorf("%q: got %q, want %q", test.args, got, test.want)
		}
	}
}

// TestWriteThatNobodyReads: until the run ends a write takes as long as it takes.
// Then the one that blocks gives up soon, and the others at once.
func TestWriteThatNobodyReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		ended := make(chan struct{})
		c := &Console{out: &boundedWriter{w: w, ended: ended}}
		go func() {
			time.Sleep(time.Hour)
			_, _ = r.Read(make([]byte, len("read\n")))
		}()
		began := time.Now()
		if err := c.PrintLine("read"); err != nil || time.Since(began) != time.Hour {
			t.Errorf("got %v after %s, want success after 1h", err, time.Since(began))
		}
		began = time.Now()
		time.AfterFunc(time.Hour, func() { close(ended) })
		if err := c.PrintLine("unread"); !errors.Is(err, errUnread) || time.Since(began) != time.Hour+writeTimeout {
			t.Errorf("got %v after %s, want %v after 1h and %s", err, time.Since(began), errUnread, writeTimeout)
		}
		began = time.Now()
		if err := c.PrintLine("after that"); !errors.Is(err, errUnread) || time.Since(began) != 0 {
			t.Errorf("got %v after %s, want %v at once", err, time.Since(began), errUnread)
		}
		r.Close() // the write that gave up ends
	})
}

// TestWriteAfterTheEnd: what the run has to say at its end is still written.
func TestWriteAfterTheEnd(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	ended := make(chan struct{})
	close(ended)
	c := &Console{out: &boundedWriter{w: &b, ended: ended}}
	if err := c.PrintLine("total"); err != nil || b.String() != "total\n" {
		t.Errorf("got %q, %v", b.String(), err)
	}
	c = &Console{out: &boundedWriter{w: failingWriter{}, ended: ended}}
	if err := c.PrintLine("total"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v, want %v", err, io.ErrClosedPipe)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestOnTerminal(t *testing.T) {
	t.Parallel()
	if c := (&Console{Out: new(bytes.Buffer)}); c.OnTerminal() {
		t.Error("a buffer is no terminal")
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if c := (&Console{Out: null}); c.OnTerminal() {
		t.Error("the null device is no terminal")
	}
}
