package iothub

import (
	"context"
	"errors"
	"time"
)

// A token is renewed when this part of its life has passed. A renewal that
// failed is tried again after renewalRetry. Source of the 85 %: the C# and Java
// SDKs.
const (
	renewalPart  = 0.85
	renewalRetry = 5 * time.Second
	// renewalTimeout is how long one attempt may take.
	renewalTimeout = 30 * time.Second
	// renewalPause is the least time between two renewals, however short the
	// tokens live.
	renewalPause = time.Second
)

// renewAfter returns how long to wait before a token that expires then is
// replaced.
func renewAfter(expires, now time.Time) time.Duration {
	return max(time.Duration(float64(expires.Sub(now))*renewalPart), renewalPause)
}

// renew is the goroutine that replaces tokens before they expire. It ends with
// ctx, or with the connection. If the hub refuses all new tokens until the old
// one expires, it detaches the links, and those who use them get that error.
func (c *cbs) renew(ctx context.Context, expires time.Time) {
	wait := renewAfter(expires, time.Now())
	logged := "" // the last error, which is not worth repeating
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.conn.Done(): // its Err is nil if the hub gave no reason
			return
		case <-time.After(wait):
		}
		next, err := c.replace(ctx, expires)
		if err == nil {
			c.options.Logger.Info("token renewed", "expires", next.UTC().Format(time.RFC3339))
			expires, logged = next, ""
			wait = renewAfter(expires, time.Now())
			continue
		}
		wait = renewalRetry
		if errors.Is(err, errNoNewToken) { // which may take as long as this one lives
			wait = max(renewAfter(expires, time.Now()), renewalRetry)
		}
		if err.Error() != logged {
			logged = err.Error()
			c.options.Logger.Warn("token not renewed", "error", err)
		}
	}
}

// replace shows the hub a new token, on new links if the old ones are broken.
func (c *cbs) replace(ctx context.Context, known time.Time) (expires time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, renewalTimeout)
	defer cancel()
	if c.broken {
		if err := c.reattach(ctx); err != nil {
			return time.Time{}, err
		}
	}
	expires, err = c.put(ctx, known)
	// A request without an answer says the same about the links as an error.
	c.broken = linkLost(err) || ctx.Err() != nil
	return expires, err
}

// reattach replaces the links by new ones, on a new session.
func (c *cbs) reattach(ctx context.Context) error {
	ending, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	_ = c.session.Close(ending) // it may have ended already
	return c.attach(ctx)
}
