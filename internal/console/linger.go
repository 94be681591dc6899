package console

import (
	"context"
	"time"
)

// Linger returns a context for work that is to be finished even when it is time
// to go: it ends so much later than ctx does.
func Linger(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return longer, func() {
		stop()
		cancel()
	}
}
