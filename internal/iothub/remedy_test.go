package iothub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/iothub/dial"
	"iothub-c2d/internal/sas"
)

// TestRemedyTable goes through the table, in all the places where go-amqp may
// keep a condition, and under all wrappings. It reads as the policy.
func TestRemedyTable(t *testing.T) {
	t.Parallel()
	type places struct{ message, link, session, connection remedy }
	passing := places{retry, relink, relink, reconnect}
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
		"com.microsoft:link-creation-conflict":     {relink, stop, stop, stop},
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
		{"rejected, unknown condition", &amqp.Error{Condition: "x:y"}, retry},
		{"released", errReleased, retry},
		{"no outcome", ErrNoOutcome, stop},
		{"reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, reconnect},
		{"refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, reconnect},
		{"end of file", io.EOF, reconnect},
		{"no such host", &net.DNSError{IsNotFound: true}, reconnect},
		{"deadline of one attempt", context.DeadlineExceeded, reconnect},
		{"no credit", noCredit(context.DeadlineExceeded), reconnect},
		{"unknown", errors.New("unknown"), reconnect},
		{"put-token 500", &HubError{Condition: "amqp:internal-error", Code: 500}, reconnect},
		{"canceled", context.Canceled, stop},
		{"put-token 401", finalError{&HubError{Condition: "amqp:unauthorized-access"}}, stop},
		{"client closed", errClosed, stop},
		{"bad certificate", &tls.CertificateVerificationError{}, stop},
		{"wrong settings", fmt.Errorf("proxy: %w", dial.ErrSettings), stop},
		{"final wins", finalError{&amqp.LinkError{RemoteErr: &amqp.Error{Condition: amqp.ErrCondDetachForced}}}, stop},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkRemedy(t, tt.err, tt.want)
		})
	}
}

// TestStaleErrors wants an error of a connection or link that has been replaced
// to leave its successor alone.
func TestStaleErrors(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := newClient(sas.ConnectionString{}, nil)
	old, current := new(connection), new(connection)
	c.conn = current
	if c.drop(ctx, old) || c.drop(ctx, nil) || c.conn != current {
		t.Error("a stale error dropped the connection")
	}
	oldLink, link := new(amqp.Receiver), &attached[*amqp.Receiver]{link: new(amqp.Receiver)}
	a := newAttachment[*amqp.Receiver](c, nil)
	a.current.Store(link)
	if a.drop(ctx, oldLink) || a.drop(ctx, nil) || a.current.Load() != link {
		t.Error("a stale error dropped the link")
	}
	for _, r := range []remedy{retry, relink, reconnect, stop} {
		if a.replace(ctx, r, &failure[*amqp.Receiver]{link: oldLink, conn: old}) {
			t.Errorf("a stale error replaced something by %v", r)
		}
	}
}

// TestWhoHasTheMessage wants a message to count as not taken only if the hub
// says so of that message, or it never went out. What ends a link says nothing
// about the messages on it.
func TestWhoHasTheMessage(t *testing.T) {
	t.Parallel()
	remote := &amqp.Error{Condition: amqp.ErrCondInternalError}
	for _, tt := range []struct {
		name       string
		err        error
		neverTaken bool
	}{
		{"rejected", remote, true},
		{"no credit", noCredit(context.DeadlineExceeded), true},
		{"released", errReleased, true},
		{"no outcome", ErrNoOutcome, false},
		{"half of another on the link", unsentError{&amqp.LinkError{}}, true},
		{"link detached", &amqp.LinkError{RemoteErr: remote}, false},
		{"session ended", &amqp.SessionError{RemoteErr: remote}, false},
		{"connection closed", &amqp.ConnError{RemoteErr: remote}, false},
		{"link gone", &amqp.LinkError{}, false},
		{"no answer", context.DeadlineExceeded, false},
	} {
		for _, err := range []error{tt.err, refine(tt.err), fmt.Errorf("send: %w", refine(tt.err))} {
			if got := neverTaken(err); got != tt.neverTaken {
				t.Errorf("%s: neverTaken(%T) = %t, want %t", tt.name, err, got, tt.neverTaken)
			}
		}
	}
}

// TestClassify wants the hub's refusal of what it has only just authenticated
// to be final, and only that.
func TestClassify(t *testing.T) {
	t.Parallel()
	now := time.Now()
	young, old := &connection{began: now}, &connection{began: now.Add(-2 * stableAfter)}
	unauthorized := refine(&amqp.LinkError{RemoteErr: &amqp.Error{Condition: amqp.ErrCondUnauthorizedAccess}})
	forced := refine(&amqp.LinkError{RemoteErr: &amqp.Error{Condition: amqp.ErrCondDetachForced}})
	for _, tt := range []struct {
		name string
		conn *connection
		err  error
		want remedy
	}{
		{"unauthorized, at once", young, unauthorized, stop},
		{"unauthorized, later", old, unauthorized, reconnect},
		{"anything else", young, forced, relink},
	} {
		if got := remedyFor(tt.conn.classify(tt.err)); got != tt.want {
			t.Errorf("%s: remedy = %v, want %v", tt.name, got, tt.want)
		}
	}
	if err := young.classify(nil); err != nil {
		t.Errorf("classify(nil) = %v", err)
	}
}
