package iothub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"iothub-c2d/internal/iothub/dial"
	"iothub-c2d/internal/iothub/tap"
)

// ErrSilent says that the server accepts connections, and says nothing.
var ErrSilent = errors.New("the server accepts the connection and says nothing")

// silenceAfter is how long a server may say nothing before it is asked whether it
// is a server of another kind.
const silenceAfter = time.Second

// silence watches over an attempt to connect. It finds out why the server says
// nothing.
type silence struct {
	route    dial.Route
	progress *Progress
	end      context.CancelCauseFunc // of the attempt
	asking   sync.WaitGroup

	// What was found out, after asking.
	other  error // the server is of another kind
	silent bool  // it accepts connections, and says nothing
}

// watchSilence returns a context for an attempt to connect. It ends when the server
// turns out to be of another kind.
func watchSilence(ctx context.Context, route dial.Route, progress *Progress) (context.Context, *silence) {
	s := &silence{route: route, progress: progress}
	ctx, s.end = context.WithCancelCause(ctx)
	s.asking.Go(func() {
		if route.Open == nil && pause(ctx, silenceAfter) {
			s.ask(ctx)
		}
	})
	return ctx, s
}

// ask asks the server what it is.
func (s *silence) ask(ctx context.Context) {
	switch l := s.route.Identify(ctx); {
	case l.Protocol != "":
		s.other = tap.OtherProtocol(l.Protocol)
		s.end(s.other)
	case l.Accepts && ctx.Err() == nil:
		s.silent = true
		s.progress.reached(forWord)
	}
}

// heard ends the watch: the server has spoken, or the attempt is over.
func (s *silence) heard() {
	s.end(nil)
	s.asking.Wait()
}

// broke asks the server, if nobody has done so yet, after it has ended a connection
// without a word.
func (s *silence) broke(ctx context.Context) {
	s.heard()
	if s.other == nil && !s.silent && ctx.Err() == nil {
		s.ask(ctx)
	}
}

// explain returns a better error, if there is one, for an attempt that has failed
// with err.
func (s *silence) explain(err error) error {
	s.heard()
	switch address := s.route.Address(); {
	case s.other != nil:
		return fmt.Errorf("connect to %s: %w", address, s.other)
	case s.silent && errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("connect to %s: %w: %w", address, ErrSilent, context.DeadlineExceeded)
	}
	return err
}
