package console

import (
	"context"
	"errors"
	"time"

	"iothub-c2d/internal/iothub"
)

// withTimeout returns ctx with the limit of --timeout. The cause is made when the
// time is up: only then it is known what was waited for.
func (c *Console) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	if c.Timeout == 0 {
		return ctx, func() { end(nil) }
	}
	timer := time.AfterFunc(time.Duration(c.Timeout), func() { end(c.watch.timeUp()) })
	return ctx, func() {
		timer.Stop()
		end(nil)
	}
}

// ErrTimeout is the cause of a context that --timeout has ended. It may say more
// than that.
var ErrTimeout = Fail(errors.New("time is up"), ExitTimeout, "")

// WithGrace returns a context that ends when the grace period after the end of
// ctx is over. It is for work that must be finished even if the run has been told
// to end, such as a settlement.
func WithGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return longer, func() {
		stop()
		cancel()
	}
}

// Pause waits for d. If ctx ends before, it returns the cause at once.
func Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Cause returns the cause of the end of ctx, if ctx has ended and err is only a
// consequence of that. A usage error and a hub's refusal stand for themselves.
func Cause(ctx context.Context, err error) error {
	var f *failure
	var refused *iothub.HubError
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done() // a socket may notice the deadline before the context does
	}
	if err == nil || ctx.Err() == nil || errors.As(err, &f) || errors.As(err, &refused) {
		return err
	}
	return context.Cause(ctx)
}
