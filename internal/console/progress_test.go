package console

import (
	"bytes"
	"fmt"
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
