package iothub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/auth"
)

// TestRemedyTable goes through the table, in all the places where go-amqp may
// keep a condition, and under all wrappings. It reads as the policy.
func TestRemedyTable(t *testing.T) {
	t.Parallel()
	type places struct{ message, link, session, connection remedy }
	passing := places{again, relink, relink, reconnect}
	hopeless := places{stop, stop, stop, stop}
	wrong := places{stop, stop, relink, reconnect} // what was asked, or what was agreed
	table := map[amqp.ErrCond]places{
		"amqp:internal-error":                      passing,
		"com.microsoft:timeout":                    passing,
		"com.microsoft:device-container-throttled": passing,
		"com.microsoft:server-busy":                passing,
		"amqp:link:detach-forced":                  {relink, relink, relink, reconnect},
		"amqp:link:transfer-limit-exceeded":        {relink, relink, relink, reconnect},
		"amqp:resource-locked":                     {relink, relink, relink, reconnect},
		"amqp:connection:forced":                   {reconnect, reconnect, reconnect, reconnect},
		"amqp:connection:redirect":                 {reconnect, reconnect, reconnect, reconnect},
		"amqp:connection:framing-error":            {reconnect, reconnect, reconnect, reconnect},
		"amqp:unauthorized-access":                 {reconnect, reconnect, reconnect, reconnect},
		"amqp:link:stolen":                         hopeless,
		"com.microsoft:link-creation-conflict":     hopeless,
		"amqp:not-found":                           hopeless,
		"amqp:resource-limit-exceeded":             hopeless,
		"amqp:link:message-size-exceeded":          hopeless,
		"amqp:not-allowed":                         wrong,
		"amqp:not-implemented":                     wrong,
		"amqp:invalid-field":                       wrong,
		"amqp:decode-error":                        wrong,
		"amqp:precondition-failed":                 hopeless,
		"com.microsoft:argument-error":             hopeless,
		"com.microsoft:argument-out-of-range":      hopeless,
		"com.microsoft:quota-exceeded":             hopeless,
		"com.microsoft:iot-hub-suspended":          hopeless,
		"com.microsoft:iot-hub-not-found-error":    hopeless,
		"com.microsoft:message-lock-lost":          hopeless,
	}
	for condition, want := range table {
		remote := &amqp.Error{Condition: condition}
		checkRemedy(t, remote, want.message)
		checkRemedy(t, &amqp.LinkError{RemoteErr: remote}, want.link)
		checkRemedy(t, &amqp.SessionError{RemoteErr: remote}, want.session)
		checkRemedy(t, &amqp.ConnError{RemoteErr: remote}, want.connection)
		if _, ok := remedies[condition]; !ok {
			t.Errorf("%s is not in the table", condition)
		}
	}
	if len(table) != len(remedies) {
		t.Errorf("tested %d conditions, the table has %d", len(table), len(remedies))
	}
}

// checkRemedy wants the same remedy for err however it is wrapped.
func checkRemedy(t *testing.T, err error, want remedy) {
	t.Helper()
	for _, wrapped := range []error{
		err, refine(err), fmt.Errorf("send to dev1: %w", err), errors.Join(errors.New("also"), refine(err)),
	} {
		if got := remedyFor(wrapped); got != want {
			t.Errorf("remedyFor(%T %v) = %v, want %v", err, wrapped, got, want)
		}
	}
}

func TestRemedyByDamage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		want remedy
	}{
		{"link closed", &amqp.LinkError{}, relink},
		{"link ended, unknown condition", &amqp.LinkError{RemoteErr: &amqp.Error{Condition: "x:y"}}, relink},
		{"session closed", &amqp.SessionError{}, relink},
		{"session ended, unknown condition", &amqp.SessionError{RemoteErr: &amqp.Error{Condition: "amqp:session:errant-link"}}, relink},
		{"connection closed", &amqp.ConnError{}, reconnect},
		{"connection ended, unknown condition", &amqp.ConnError{RemoteErr: &amqp.Error{Condition: "x:y"}}, reconnect},
		{"rejected, unknown condition", &amqp.Error{Condition: "x:y"}, again},
		{"reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, reconnect},
		{"refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, reconnect},
		{"end of file", io.EOF, reconnect},
		{"no such host", &net.DNSError{IsNotFound: true}, reconnect},
		{"deadline of one attempt", context.DeadlineExceeded, reconnect},
		{"no credit", noCreditError{context.DeadlineExceeded}, reconnect},
		{"unknown", errors.New("unknown"), reconnect},
		{"put-token 500", &HubError{Condition: "amqp:internal-error", Code: 500}, reconnect},
		{"canceled", context.Canceled, stop},
		{"put-token 401", finalError{&HubError{Condition: "amqp:unauthorized-access"}}, stop},
		{"client closed", errClosed, stop},
		{"bad certificate", &tls.CertificateVerificationError{}, stop},
		{"final wins", finalError{&amqp.LinkError{RemoteErr: &amqp.Error{Condition: amqp.ErrCondDetachForced}}}, stop},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkRemedy(t, tt.err, tt.want)
		})
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for _, n := range []int{math.MinInt, -1, 0, 1} {
		if got := backoff(n, 0.5); got != 0 {
			t.Errorf("backoff(%d) = %s, want 0: at once", n, got)
		}
	}
	for n := 2; n < 3000; n++ {
		least, usual, most := backoff(n, 0), backoff(n, 0.5), backoff(n, 1)
		if least < 75*time.Millisecond || most > maxBackoff || least > usual || usual > most {
			t.Fatalf("backoff(%d) = %s to %s to %s, want 75ms to %s in order", n, least, usual, most, maxBackoff)
		}
		if usual < maxBackoff && backoff(n+1, 0.5) <= usual {
			t.Fatalf("backoff(%d) = %s, want more than %s before it", n+1, backoff(n+1, 0.5), usual)
		}
	}
	if got := backoff(2, 0.5); got != minBackoff {
		t.Errorf("backoff(2) = %s, want %s", got, minBackoff)
	}
	if least, most := backoff(4, 0), backoff(4, 1); least != 300*time.Millisecond || most != 500*time.Millisecond {
		t.Errorf("backoff(4) = %s to %s, want 300ms to 500ms", least, most)
	}
	if got := backoff(math.MaxInt, 1); got != maxBackoff {
		t.Errorf("backoff(max) = %s, want %s", got, maxBackoff)
	}
}

func TestRenewAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ life, want time.Duration }{
		{time.Hour, 51 * time.Minute},
		{10 * time.Minute, 510 * time.Second},
		{20 * time.Second, 17 * time.Second},
		{time.Second, renewalPause},
		{0, renewalPause},
		{-time.Hour, renewalPause},
	} {
		got := renewAfter(now.Add(tt.life), now)
		if diff := got - tt.want; diff < -time.Microsecond || diff > time.Microsecond {
			t.Errorf("renewAfter(%s) = %s, want %s", tt.life, got, tt.want)
		}
	}
	if got := renewAfter(now.AddDate(1000, 0, 0), now); got < 200*365*24*time.Hour {
		t.Errorf("renewAfter(1000 years) = %s, want centuries", got)
	}
}

func TestHealthTellsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []string
		h := &health{options: Options{
			Lost:     func(err error) { told = append(told, "lost: "+err.Error()) },
			Restored: func(after time.Duration) { told = append(told, "restored after "+after.String()) },
		}}
		h.restored() // of nothing
		for range 2 {
			h.lost(errors.New("first"))
			time.Sleep(3 * time.Second)
			h.lost(errors.New("second"))
			h.restored()
			h.restored()
		}
		got, want := fmt.Sprint(told), "[lost: first restored after 3s lost: first restored after 3s]"
		if got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	})
	(&health{}).lost(io.EOF) // nobody listens
}

// TestStaleErrors wants an error of a connection or link that has been replaced
// to leave its successor alone.
func TestStaleErrors(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := newClient(auth.ConnectionString{}, nil)
	old, current := new(connection), new(connection)
	c.conn = current
	if c.drop(old) || c.drop(nil) || c.conn != current {
		t.Error("a stale error dropped the connection")
	}
	oldLink, link := new(amqp.Receiver), new(amqp.Receiver)
	a := newAttachment[*amqp.Receiver](c, nil)
	a.link = link
	if a.drop(ctx, oldLink) || a.drop(ctx, nil) || a.link != link {
		t.Error("a stale error dropped the link")
	}
	for _, r := range []remedy{again, relink, reconnect, stop} {
		if a.heal(ctx, r, oldLink, old) {
			t.Errorf("a stale error healed something by %v", r)
		}
	}
}

// TestGate wants nobody to wait for a gate beyond their context.
func TestGate(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	g := newGate()
	if err := g.enter(ended); err != nil {
		t.Errorf("enter a free gate = %v, want nil", err)
	}
	if err := g.enter(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("enter a taken gate = %v, want canceled", err)
	}
	g.leave()
	if err := g.enter(t.Context()); err != nil {
		t.Error(err)
	}
}
