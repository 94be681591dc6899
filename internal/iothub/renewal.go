package iothub

import (
	"context"
	"errors"
	"time"

	"iothub-c2d/internal/sas"
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

// credential is whom a connection speaks for, and the token that says so. It belongs to
// whoever makes it until keep, and then to the goroutine of the renewal, but for due:
// the lock of cbs guards that.
type credential struct {
	name    string // what the tokens are for
	tokens  TokenSource
	expires time.Time // of the token that the hub has
	due     time.Time // when a new one is to be shown
	logged  string    // the last error, which is not worth repeating
}

// credentialName returns what a token is for as it stands in the token, which is what
// the Node SDK sends.
func credentialName(cs sas.ConnectionString) string { return sas.Escape(cs.Resource()) }

// keep has the token of a credential renewed, which the hub has just taken, until
// another takes its place, or forget.
func (c *cbs) keep(x *credential) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	x.due = now.Add(renewAfter(x.expires, now)) // nobody else has it yet
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
	known := x.expires // only this goroutine changes it from now on
	expires, err := c.show(limited, x)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	switch {
	case err == nil:
		c.options.Logger.Info("token renewed", "expires", expires.UTC().Format(time.RFC3339))
		x.due, x.logged = now.Add(renewAfter(expires, now)), ""
		return
	case errors.Is(err, errNoNewToken): // which may take as long as this one lives
		x.due = now.Add(max(renewAfter(known, now), renewalRetry))
	default:
		x.due = now.Add(renewalRetry)
	}
	if err.Error() != x.logged {
		x.logged = err.Error()
		c.options.Logger.Warn("token not renewed", "error", err)
	}
}
