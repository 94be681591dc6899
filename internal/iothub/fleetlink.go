package iothub

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/Azure/go-amqp"

	"iothub-c2d/internal/sas"
)

// fleetLink returns how to attach the link of a device of a fleet: the device shows
// its own token, and the session is that of all devices on the connection.
func fleetLink(cs sas.ConnectionString, credit int) attach[*amqp.Receiver] {
	open := receiverOf(receiveAddress(cs), credit)
	return func(ctx context.Context, conn *connection) (*attached[*amqp.Receiver], error) {
		if _, err := conn.cbs.authenticate(ctx, cs); err != nil {
			return nil, err
		}
		receiver, err := conn.shared.attach(ctx, conn, open)
		if err != nil {
			conn.cbs.forget(credentialName(cs))
			return nil, err
		}
		end := func(ctx context.Context) error {
			conn.cbs.forget(credentialName(cs))
			return receiver.Close(ctx)
		}
		return &attached[*amqp.Receiver]{receiver, conn, end}, nil
	}
}

// sharedSession is the session of the devices of a fleet on one connection. A session
// for each of them would take twice the memory.
type sharedSession struct {
	mu      mutex // held while a session begins
	session *amqp.Session
}

func newSharedSession() sharedSession { return sharedSession{mu: newMutex()} }

// attach attaches the link of a device that has just shown its token.
func (s *sharedSession) attach(ctx context.Context, conn *connection, open openReceiver) (*amqp.Receiver, error) {
	session, err := s.get(ctx, conn.amqp)
	if err != nil {
		return nil, fmt.Errorf("begin session: %w", refine(err))
	}
	receiver, err := open(ctx, conn, session)
	switch {
	case agreementLost(err):
		s.drop(session)
	case errors.Is(err, ErrUnauthorized):
		err = finalError{err} // the hub has seen a token that is as new as can be
	}
	return receiver, err
}

// get returns the session, a new one if there is none.
func (s *sharedSession) get(ctx context.Context, conn *amqp.Conn) (*amqp.Session, error) {
	if err := s.mu.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.unlock()
	if s.session != nil {
		return s.session, nil
	}
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		return nil, err
	}
	useSmallQueues(session)
	s.session = session
	return session, nil
}

// drop forgets a session that has ended, unless another has taken its place.
func (s *sharedSession) drop(ended *amqp.Session) {
	_ = s.mu.lock(context.Background()) // whoever holds it has a time limit
	defer s.mu.unlock()
	if s.session == ended {
		s.session = nil
	}
}

// close ends the session, by which the hub gets back all messages that the devices
// have not settled. It waits for the hub's word.
func (s *sharedSession) close(ctx context.Context) {
	if s.mu.lock(ctx) != nil {
		return
	}
	defer s.mu.unlock()
	if s.session != nil {
		_ = s.session.Close(ctx) // it fails if the connection is gone as well
		s.session = nil
	}
}

// sessionWindow is how many messages may be on their way on a shared session.
const sessionWindow = 64

// useSmallQueues has go-amqp make the queues of a session's links for as many
// messages as are likely to wait there; they grow when there are more. It makes them
// for the 5,000 of its window otherwise: 80 kB for each link, most of which is
// touched only when the memory is used again, after a reconnect. 10,000 devices that
// had reconnected three times took 1 GB so, and 160 MB with small queues.
//
// go-amqp has no option for it. If the field goes, the queues are large again.
func useSmallQueues(session *amqp.Session) {
	window := reflect.ValueOf(session).Elem().FieldByName("incomingWindow")
	if window.IsValid() && window.Kind() == reflect.Uint32 {
		*(*uint32)(unsafe.Pointer(window.UnsafeAddr())) = sessionWindow //nolint:gosec // see above: it is this or 80 kB
	}
}
