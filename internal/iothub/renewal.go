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

// credential is whom a connection speaks for, and the token that says so. The lock of
// the links guards expires, the other one when it is renewed next.
type credential struct {
	name    string // what the tokens are for
	tokens  TokenSource
	expires time.Time // of the token that the hub has

	due    time.Time // when a new token is to be shown
	logged string    // the last error, which is not worth repeating
}

// credential returns the credential of a name, nil if there is none.
func (c *cbs) credential(name string) *credential {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.credentials[name]
}

// keep has a token renewed, from when the hub has taken it.
func (c *cbs) keep(x *credential) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	x.due, x.logged = now.Add(renewAfter(x.expires, now)), ""
	c.credentials[x.name] = x
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// forget ends the renewal of a token.
func (c *cbs) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.credentials, name)
}

// next returns the credential whose renewal is due first, nil if there is none.
func (c *cbs) next() (first *credential, due time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.credentials {
		if first == nil || x.due.Before(due) {
			first, due = x, x.due
		}
	}
	return first, due
}

// renew is the goroutine that replaces tokens before they expire. It ends with
// ctx, or with the connection.
func (c *cbs) renew(ctx context.Context) {
	for {
		x, due := c.next()
		var now <-chan time.Time
		if x != nil {
			now = time.After(time.Until(due))
		}
		select {
		case <-ctx.Done():
			return
		case <-c.conn.Done(): // its Err is nil if the hub gave no reason
			return
		case <-c.changed:
		case <-now:
			c.replace(ctx, x)
		}
	}
}

// replace shows the hub a new token in place of one that is going to expire. If the
// hub refuses all new ones until then, it detaches the links, and those who use them
// get that error.
func (c *cbs) replace(ctx context.Context, x *credential) {
	limited, cancel := context.WithTimeout(ctx, renewalTimeout)
	defer cancel()
	err := c.show(limited, x)
	if err == nil {
		c.options.Logger.Info("token renewed", "expires", x.expires.UTC().Format(time.RFC3339))
		c.keep(x)
		return
	}
	wait := renewalRetry
	if errors.Is(err, errNoNewToken) { // which may take as long as this one lives
		wait = max(renewAfter(x.expires, time.Now()), renewalRetry)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	x.due = time.Now().Add(wait)
	if err.Error() != x.logged {
		x.logged = err.Error()
		c.options.Logger.Warn("token not renewed", "error", err)
	}
}
