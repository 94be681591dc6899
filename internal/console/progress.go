package console

import (
	"io"
	"sync"
	"time"
)

// progress is a line on the terminal that says how far a run has got. Other
// lines are written through it, so that they do not run into it.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	shown bool
}

// The beginning of the line, and what clears to its end (ECMA-48).
const clearLine = "\r\x1b[K"

// Write takes the line off, for another.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.clear(); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}

func (p *progress) clear() error {
	if !p.shown {
		return nil
	}
	p.shown = false
	_, err := io.WriteString(p.w, clearLine)
	return err
}

func (p *progress) show(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = true
	_, _ = io.WriteString(p.w, clearLine+text) // it is there to be looked at, no more
}

// progressDelay is how long a run must last to be called long, and
// progressInterval how often its progress is shown anew.
const (
	progressDelay    = time.Second
	progressInterval = 200 * time.Millisecond
)

// ShowProgress shows text on standard error from time to time, until stop is
// called, which takes it off again. It does so only if standard error is a
// terminal, and standard output is none: on a terminal, the output itself shows
// how far the run has got. With --quiet it does not either.
func (c *Console) ShowProgress(text func() string) (stop func()) {
	if c.Quiet || c.progress == nil || !isTerminal(c.Err) || isTerminal(c.Out) {
		return func() {}
	}
	return c.progress.start(text)
}

func (p *progress) start(text func() string) (stop func()) {
	done := make(chan struct{})
	var shower sync.WaitGroup
	shower.Go(func() {
		timer := time.NewTimer(progressDelay)
		defer timer.Stop()
		for {
			select {
			case <-timer.C:
				p.show(Printable(text()))
				timer.Reset(progressInterval)
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		shower.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = p.clear() // as above
	}
}
