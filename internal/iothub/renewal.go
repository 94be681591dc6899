package iothub

import (
	"context"
	"errors"
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
	complaint := "" // the last, which is not worth repeating
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
			expires, complaint = next, ""
			wait = renewAfter(expires, time.Now())
			continue
		}
		wait = renewalRetry
		if errors.Is(err, errNoNewToken) { // which may take as long as this one lives
			wait = max(renewAfter(expires, time.Now()), renewalRetry)
		}
		if err.Error() != complaint {
			complaint = err.Error()
			c.options.Logger.Warn("token not renewed", "error", err)
		}
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
	c.broken = linkLost(err) || ctx.Err() != nil
	return expires, err
}

// mend replaces the links.
func (c *cbs) mend(ctx context.Context) error {
	goodbye, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	_ = c.session.Close(goodbye) // or it has gone already
	return c.attach(ctx)
}
