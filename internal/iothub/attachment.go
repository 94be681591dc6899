package iothub

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/Azure/go-amqp"
)

// closer is a link of go-amqp.
type closer interface {
	comparable
	Close(ctx context.Context) error
}

// attach attaches a link on a connection.
type attach[L closer] func(ctx context.Context, conn *connection) (*attached[L], error)

// attachment keeps one link of a client attached.
type attachment[L closer] struct {
	client *client
	attach attach[L]
	outage *outage // of the link, or of all links of the client
	member bool    // of a fleet: the connection serves other devices as well
	gate   mutex   // has room for those who may attach at once; nil: for all
	paced  bool    // who uses it waits by itself when the hub throttles

	attempts attempts // to attach the link; their lock is held to change current
	current  atomic.Pointer[attached[L]]
}

// attached is a link that has been attached.
type attached[L closer] struct {
	link L
	conn *connection
	end  func(ctx context.Context) error // ends what was begun for the link
}

func newAttachment[L closer](c *client, attach attach[L]) *attachment[L] {
	return &attachment[L]{client: c, attach: attach, outage: c.outage, attempts: newAttempts()}
}

// onOwnSession attaches a link on a session of its own, so that the end of a session
// does not harm another link.
func onOwnSession[L closer](open func(ctx context.Context, conn *connection, session *amqp.Session) (L, error)) attach[L] {
	return func(ctx context.Context, conn *connection) (*attached[L], error) {
		session, err := conn.amqp.NewSession(ctx, nil)
		if err != nil {
			return nil, fmt.Errorf("begin session: %w", refine(err))
		}
		link, err := open(ctx, conn, session)
		if err != nil {
			_ = session.Close(ctx) // what went wrong before is what matters
			return nil, err
		}
		return &attached[L]{link, conn, session.Close}, nil
	}
}

// get returns the link, a new one if there is none, and the connection that was
// used. If an attempt of another operation has failed beyond the failures that
// the caller knows of, get returns its error and makes none.
func (a *attachment[L]) get(ctx context.Context, knownFailures int64) (link L, conn *connection, err error) {
	now := a.current.Load()
	if now != nil && now.conn.lost() == nil && a.client.closing.Err() == nil {
		return now.link, now.conn, nil // as nearly always
	}
	if err := a.attempts.lock(ctx, knownFailures); err != nil {
		return link, nil, err
	}
	defer a.attempts.unlock()
	if conn, err = a.client.connection(ctx); err != nil {
		a.attempts.share(ctx, err)
		return link, nil, err
	}
	if now := a.current.Load(); now != nil && now.conn == conn {
		return now.link, conn, nil
	}
	link, err = a.renew(ctx, conn)
	return link, conn, err
}

// renew attaches the link when it is time to. Called with the lock of the attempts
// held.
func (a *attachment[L]) renew(ctx context.Context, conn *connection) (link L, err error) {
	a.current.Store(nil)
	open, stop := a.client.untilClosed(ctx)
	defer stop()
	if err = a.attempts.wait(open); err != nil {
		return link, err
	}
	if a.gate != nil {
		if err = a.gate.lock(open); err != nil {
			return link, err
		}
		defer a.gate.unlock()
	}
	now, err := a.attachTo(open, conn)
	if err != nil {
		err = conn.classify(err)
		a.client.library.count(err)
		a.attempts.failed(ctx, err)
		return link, err
	}
	a.attempts.succeeded()
	a.current.Store(now)
	return now.link, nil
}

// first gets the link for the first time, which is tried once only.
func (a *attachment[L]) first(ctx context.Context) error {
	w := a.client.options.Progress.begin(forStage)
	defer w.end()
	_, _, err := a.get(ctx, 0)
	return err
}

// attachTo attaches the link.
func (a *attachment[L]) attachTo(ctx context.Context, conn *connection) (*attached[L], error) {
	ctx, cancel := context.WithTimeout(ctx, a.client.options.ConnectTimeout)
	defer cancel()
	a.client.options.Progress.reached(forLink)
	return a.attach(ctx, conn)
}

// endTimeout is how long to wait for the hub to confirm the end of a session, or of
// a link, that is not needed any more.
const endTimeout = 5 * time.Second

// drop forgets a link that has failed, and reports whether it did: it may have
// been replaced already. What was begun for it may still be there. It is ended, and
// when the hub confirms that, it has taken back the messages of the link.
func (a *attachment[L]) drop(ctx context.Context, failed L) bool {
	var none L
	if failed == none || a.attempts.mu.lock(ctx) != nil {
		return false
	}
	defer a.attempts.unlock()
	now := a.current.Load()
	if now == nil || now.link != failed {
		return false
	}
	a.current.Store(nil)
	a.attempts.lost()
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	_ = now.end(ctx) // it fails if the connection is gone as well
	return true
}

// close detaches the link, which gives back what it holds unsettled. It is no
// error if the link is lost already: the hub has those messages. What was begun for
// it may still be there.
func (a *attachment[L]) close(ctx context.Context) error {
	if err := a.attempts.mu.lock(ctx); err != nil {
		return err
	}
	defer a.attempts.unlock()
	now := a.current.Swap(nil)
	if now == nil {
		return nil
	}
	detached := now.link.Close(ctx)
	ended := now.end(ctx)
	for _, err := range []error{detached, ended} {
		if err != nil && !linkLost(err) {
			return refine(err)
		}
	}
	return nil
}
