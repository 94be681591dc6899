package iothub

import (
	"context"
	"time"
)

// Renewal starts when this much of a token's life has passed, and a failed one
// is tried again after renewalRetry. Source: 85 % is the C# and Java SDKs' rule.
const (
	renewalPart  = 0.85
	renewalRetry = 5 * time.Second
	// renewalTimeout is how long one attempt may take.
	renewalTimeout = 30 * time.Second
	// renewalPause is the least time between two renewals, whatever the tokens'.
	renewalPause = time.Second
)

// renewAfter returns how long to wait before a token that expires then is
// replaced.
func renewAfter(expires, now time.Time) time.Duration {
	return max(time.Duration(float64(expires.Sub(now))*renewalPart), renewalPause)
}

// renew is the goroutine that replaces tokens before they expire. It ends with
// ctx, or with the connection. A hub that refuses until the token dies detaches
// the links, which is how those who use them come to know.
func (c *cbs) renew(ctx context.Context, expires time.Time) {
	wait := renewAfter(expires, time.Now())
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-c.conn.Done():
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil || c.conn.Err() != nil {
			return
		}
		next, err := c.replace(ctx, expires)
		if err != nil {
			c.options.Logger.Warn("token not renewed", "error", err)
			wait = renewalRetry
			continue
		}
		c.options.Logger.Info("token renewed", "expires", next.UTC().Format(time.RFC3339))
		expires = next
		wait = renewAfter(expires, time.Now())
	}
}

// replace shows the hub a new token, on new links if the old ones are broken.
func (c *cbs) replace(ctx context.Context, known time.Time) (expires time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, renewalTimeout)
	defer cancel()
	if c.broken {
		if err := c.mend(ctx); err != nil {
			return time.Time{}, err
		}
	}
	expires, err = c.put(ctx, known)
	// A request without an answer says the same about the links as an error.
	c.broken = connectionLost(err) || ctx.Err() != nil
	return expires, err
}

// mend replaces the links.
func (c *cbs) mend(ctx context.Context) error {
	const patience = 5 * time.Second
	goodbye, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = c.session.Close(goodbye) // or it has gone already
	return c.attach(ctx)
}
