package mqttfront

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
)

// sessions is a journal that keeps sessions only, and may fail.
type sessions struct {
	mu      sync.Mutex
	kept    map[string][]byte
	err     error
	commits int
}

func (j *sessions) Load() (*broker.State, error) { return &broker.State{Sessions: j.kept}, nil }

func (j *sessions) Commit(changes []broker.Change, done func(error)) { done(j.commit(changes)) }

func (j *sessions) commit(changes []broker.Change) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	for _, c := range changes {
		switch c := c.(type) {
		case broker.PutSession:
			j.kept[c.Path] = c.Session
			j.commits++
		case broker.RemoveSession:
			delete(j.kept, c.Path)
			j.commits++
		case broker.RemoveIdentity:
			delete(j.kept, c.ID.Path())
		}
	}
	return nil
}

func (j *sessions) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
}

func (w *world) bye(c *rawclient.Client) {
	w.t.Helper()
	c.Send(&mqttwire.Disconnect{})
	c.WantEnd()
	w.wantEnded("<nil>")
}

// TestSessionPresent follows a device through clean and other sessions.
func TestSessionPresent(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		w.bye(w.device(false))
		w.bye(w.device(true)) // without any subscription
		w.bye(w.clean())
		w.bye(w.clean())
		w.bye(w.device(false))
		w.device(true).HangUp()
		synctest.Wait()
		w.device(true)
		w.device(true) // while the one before is alive
		w.clean()
		w.device(false)
		module := w.connect()
		w.wantIn(module, hello("dev1/mod1"), false) // it has a session of its own
	})
}

// TestSubscriptionOutlivesConnection reconnects as Python's SDK does, which never
// subscribes again.
func TestSubscriptionOutlivesConnection(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		c := w.subscribed(mqttwire.AtLeastOnce)
		w.bye(c)
		w.enqueue("m1")
		c = w.device(true)
		c.Acknowledge(wantMessage(c, "m1", false))
		w.enqueue("m2")
		c.Acknowledge(wantMessage(c, "m2", false))
		c.WantNothing()
		w.wantFeedback("m1 Success", "m2 Success")
	})
}

// TestCleanSessionForgets checks that neither the subscription of a clean session
// outlives it, nor one from before.
func TestCleanSessionForgets(t *testing.T) {
	inWorld(t, settings{}, func(t *testing.T, w *world) {
		w.bye(w.subscribed(mqttwire.AtLeastOnce))
		c := w.clean()
		w.enqueue("m1")
		c.WantNothing()
		c.Subscribe(mqttwire.AtLeastOnce, messages)
		wantMessage(c, "m1", false)
		w.bye(c)
		w.device(false).WantNothing()
		c = w.subscribedAgain()
		wantMessage(c, "m1", false) // for this session it is a new one
	})
}

// subscribedAgain subscribes in a session that is there.
func (w *world) subscribedAgain() *rawclient.Client {
	w.t.Helper()
	c := w.device(true)
	c.Subscribe(mqttwire.AtLeastOnce, messages)
	return c
}

// TestSessionIsKept checks what the journal has, and what a new hub makes of it.
func TestSessionIsKept(t *testing.T) {
	j := &sessions{kept: make(map[string][]byte)}
	t.Run("first hub", func(t *testing.T) {
		inWorldOf(t, j, func(t *testing.T, w *world) {
			c := w.subscribed(mqttwire.AtLeastOnce)
			c.Subscribe(mqttwire.AtMostOnce, "$iothub/twin/res/#")
			c.Subscribe(mqttwire.AtMostOnce, "$iothub/twin/res/#") // nothing new
			c.Subscribe(mqttwire.AtMostOnce, "$iothub/methods/POST/#")
			c.Send(&mqttwire.Unsubscribe{ID: 2, Topics: []string{"$iothub/methods/POST/#", "x"}})
			rawclient.Want[*mqttwire.UnsubAck](c)
			want := map[string][]byte{"/devices/dev1": []byte(`{"$iothub/twin/res/#":0,"devices/dev1/messages/devicebound/#":1}`)}
			if diff := cmp.Diff(want, j.kept); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
			if j.commits != 5 {
				t.Errorf("%d commits, want 5: connect, three new filters, one less", j.commits)
			}
		})
	})
	t.Run("second hub", func(t *testing.T) {
		inWorldOf(t, j, func(t *testing.T, w *world) {
			w.enqueue("m1")
			c := w.device(true)
			wantMessage(c, "m1", false)
			c.Send(&mqttwire.Publish{Topic: "$iothub/twin/GET/?$rid=1"})
			rawclient.Want[*mqttwire.Publish](c)
			w.clean()
			if len(j.kept) > 0 {
				t.Errorf("kept %q after a clean session, want nothing", j.kept)
			}
		})
	})
}

// inWorldOf is inWorld with a journal, one test after the other.
func inWorldOf(t *testing.T, j broker.Journal, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t, settings{broker: broker.Options{Journal: j}})) })
}

// TestSessionThatCannotBeKept checks that a client is not told what is not true.
func TestSessionThatCannotBeKept(t *testing.T) {
	t.Parallel()
	j := &sessions{kept: make(map[string][]byte)}
	inWorldOf(t, j, func(t *testing.T, w *world) {
		full := errors.New("disk full")
		j.fail(full)
		c := w.connect()
		if got := c.Connect(hello("dev1")); got.Code != mqttwire.Unavailable {
			t.Errorf("CONNACK %+v, want code 3", got)
		}
		c.WantEnd()
		w.wantEnded("the session cannot be kept: disk full")
		j.fail(nil)
		c = w.device(false)
		j.fail(full)
		if got := c.Subscribe(mqttwire.AtLeastOnce, messages, "nonsense"); got[0] != mqttwire.Refused || got[1] != mqttwire.Refused {
			t.Errorf("granted %v, want nothing", got)
		}
		w.enqueue() // of the session only
		c.WantNothing()
		j.fail(nil)
		c.Subscribe(mqttwire.AtLeastOnce, messages)
		j.fail(full)
		c.Send(&mqttwire.Unsubscribe{ID: 2, Topics: []string{messages}})
		c.WantEnd()
		w.wantEnded("disk full")
		c = w.connect()
		if got := c.Connect(changed("dev1", func(p *mqttwire.Connect) { p.CleanSession = true })); got.Code != mqttwire.Unavailable {
			t.Errorf("CONNACK %+v, want code 3", got)
		}
		j.fail(nil)
		w.enqueue("m1")
		c = w.device(true)
		wantMessage(c, "m1", false)
	})
}
