package console

import (
	"bytes"
	"errors"
	"fmt"
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
		want := clearLine + `1 sent\a` + clearLine + `2 sent\a` + clearLine + "connection lost\n" +
			clearLine + `3 sent\a` + clearLine + "done\n"
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
