package amqpserver

import (
	"fmt"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// TestCleanEndReleases checks each clean end: the messages in the client's hands
// go back, and then the source is closed.
func TestCleanEndReleases(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(c *client){
		"detach": func(c *client) {
			c.Send(0, &amqpwire.Detach{Closed: true})
			if d := rawclient.Want[*amqpwire.Detach](c); !d.Closed || d.Error != nil {
				c.T.Errorf("detach %+v, want closed without error", d)
			}
		},
		"detach, not closed": func(c *client) {
			c.Send(0, &amqpwire.Detach{})
			if d := rawclient.Want[*amqpwire.Detach](c); d.Closed {
				c.T.Errorf("detach %+v, want not closed", d)
			}
		},
		"detach with error": func(c *client) {
			c.Send(0, &amqpwire.Detach{Closed: true, Error: &amqpwire.Error{Condition: "x:y"}})
			rawclient.Want[*amqpwire.Detach](c)
		},
		"end": func(c *client) {
			c.Send(0, &amqpwire.End{})
			if e := rawclient.Want[*amqpwire.End](c); e.Error != nil {
				c.T.Errorf("end with %v", e.Error)
			}
			c.Begin(0, 10) // the channel is free again
		},
		"end with error": func(c *client) {
			c.Send(0, &amqpwire.End{Error: &amqpwire.Error{Condition: "x:y"}})
			rawclient.Want[*amqpwire.End](c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				q := w.queue("q")
				q.put("m1", "m2", "m3", "m4")
				c := w.listening(3)
				wantMessages(c, 0, "m1", "m2", "m3")
				c.Settle(1, &amqpwire.Accepted{})
				end(c)
				c.WantAlive()
				if got, want := q.took(), "m2 accepted(), m1 back, m3 back, closed"; got != want {
					t.Errorf("the queue heard %q, want %q", got, want)
				}
				if got := q.waiting(); got != "m1 m3 m4" {
					t.Errorf("%q are waiting, want m1, m3 and m4", got)
				}
			})
		})
	}
}

// TestUncleanEndReleasesNothing checks each other end: what the client holds it
// may still settle when it is back.
func TestUncleanEndReleasesNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end func(c *client)
		why string
	}{
		"hang up": {func(c *client) { _ = c.Net.Close() }, "the client hung up without closing"},
		"close": {func(c *client) {
			c.Send(0, &amqpwire.Close{})
			if got := rawclient.Want[*amqpwire.Close](c); got.Error != nil {
				c.T.Errorf("close with %v", got.Error)
			}
			_ = c.Net.Close()
		}, ""},
		"close with error": {func(c *client) {
			c.Send(0, &amqpwire.Close{Error: &amqpwire.Error{Condition: "x:y"}})
			if got := rawclient.Want[*amqpwire.Close](c); got.Error != nil {
				c.T.Errorf("close with %v", got.Error)
			}
			_ = c.Net.Close()
		}, "closed by the client: x:y"},
		"garbage": {func(c *client) {
			c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
			c.WantClose(CondFramingError)
		}, "malformed AMQP frame"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				w.queue("q").put("m1", "m2")
				c := w.listening(1)
				start := time.Now()
				wantMessages(c, 0, "m1")
				test.end(c)
				c.WantEnd()
				if took := time.Since(start); took != 0 {
					t.Errorf("the end took %v", took)
				}
				w.wantEnded(test.why)
				if got := w.queue("q").took(); got != "closed" {
					t.Errorf("the queue heard %q, want that the link is closed", got)
				}
			})
		})
	}
}

// TestMisuseReleasesNothing checks the end of a session for a reason of the
// server's.
func TestMisuseReleasesNothing(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.queue("q").put("m1")
		c := w.listening(1)
		wantMessages(c, 0, "m1")
		c.Send(0, &amqpwire.Detach{Handle: 9})
		rawclient.WantCondition(t, "end", rawclient.Want[*amqpwire.End](c).Error, CondUnattachedHandle)
		if got := w.queue("q").took(); got != "closed" {
			t.Errorf("the queue heard %q, want that the link is closed", got)
		}
		if !w.logged("session ended", "condition=amqp:session:unattached-handle") {
			t.Errorf("log %q, want the end of the session", w.lines)
		}
	})
}

// TestGoodbye checks what clients hear when the server closes, and that it does
// not wait for long for one that does not answer.
func TestGoodbye(t *testing.T) {
	inWorld(t, Options{Goodbye: "Good night."}, func(t *testing.T, w *world) {
		w.queue("q").put("m1")
		polite, rude := w.listening(1), w.begun()
		wantMessages(polite, 0, "m1")
		polite.Sender(1, "q")
		rude.Sender(3, "q")
		gone := make(chan struct{})
		start := time.Now()
		w.stop()
		go func() {
			w.served.Wait()
			close(gone)
		}()
		for range 2 {
			d := rawclient.Want[*amqpwire.Detach](polite)
			rawclient.WantCondition(t, "detach", d.Error, CondDetachForced)
		}
		if e := polite.WantClose(CondConnectionForced); e.Description != "Good night." {
			t.Errorf("close with %v, want Good night", e)
		}
		rawclient.WantCondition(t, "detach", rawclient.Want[*amqpwire.Detach](rude).Error, CondDetachForced)
		rawclient.WantCondition(t, "close", rawclient.Want[*amqpwire.Close](rude).Error, CondConnectionForced)
		<-gone
		if got := time.Since(start); got > closeGrace {
			t.Errorf("gone after %v, want at most %v", got, closeGrace)
		}
		w.wantEnded("")
		if got := w.queue("q").took(); got != "closed" {
			t.Errorf("the queue heard %q, want that the link is closed", got)
		}
	})
}

// TestCloseRightAfterSettling checks a client that does everything at once and
// hangs up: what it said before counts.
func TestCloseRightAfterSettling(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.queue("q").put("m1")
		c := w.listening(1)
		wantMessages(c, 0, "m1")
		c.Settle(0, &amqpwire.Accepted{})
		c.Send(0, &amqpwire.Detach{Closed: true})
		c.Send(0, &amqpwire.End{})
		c.Send(0, &amqpwire.Close{})
		_ = c.Net.Close()
		w.wantEnded("")
		if got := w.queue("q").took(); got != "m1 accepted(), closed" {
			t.Errorf("the queue heard %q, want m1 accepted", got)
		}
	})
}

// TestOnEnd checks that a session tells its end once, after its links'.
func TestOnEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, c *client){
		"end":    func(_ *world, c *client) { c.Send(0, &amqpwire.End{}) },
		"misuse": func(_ *world, c *client) { c.Send(0, &amqpwire.Detach{Handle: 9}); c.Send(0, &amqpwire.End{}) },
		"close":  func(_ *world, c *client) { c.Send(0, &amqpwire.Close{}) },
		"hangup": func(_ *world, c *client) { _ = c.Net.Close() },
		"server": func(w *world, _ *client) { w.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			var ends []string
			o := Options{Frame: func(c *Conn, f amqpwire.Frame) (bool, error) {
				if _, ok := f.Body.(*amqpwire.Attach); ok {
					s := c.Session(f.Channel)
					s.OnEnd(func() {
						n := 0
						for range s.Links() {
							n++
						}
						ends = append(ends, fmt.Sprint(n))
					})
				}
				return false, nil
			}}
			inWorld(t, o, func(t *testing.T, w *world) {
				c := w.listening(1)
				c.Sender(1, "q")
				end(w, c)
				_ = c.Net.Close()
				w.served.Wait()
				if got := fmt.Sprint(ends); got != "[0 0]" {
					t.Errorf("links at the ends %s, want none, at two ends", got)
				}
			})
		})
	}
}

// TestLinkOnEnd checks that a link tells its end once, after its source is closed.
func TestLinkOnEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, c *client){
		"detach": func(_ *world, c *client) { c.Send(0, &amqpwire.Detach{Closed: true}); c.Send(0, &amqpwire.End{}) },
		"misuse": func(_ *world, c *client) { c.Send(0, &amqpwire.Transfer{Handle: 5}); c.Send(0, &amqpwire.End{}) },
		"end":    func(_ *world, c *client) { c.Send(0, &amqpwire.End{}) },
		"hangup": func(_ *world, c *client) { _ = c.Net.Close() },
		"server": func(w *world, _ *client) { w.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			var w *world
			var ends []string
			o := Options{Frame: func(c *Conn, f amqpwire.Frame) (bool, error) {
				if l := c.Concerned(f); l != nil {
					if _, ok := f.Body.(*amqpwire.Flow); ok {
						l.OnEnd(func() { ends = append(ends, w.queue("q").took()) })
					}
				}
				return false, nil
			}}
			inWorld(t, o, func(t *testing.T, made *world) {
				w = made
				c := w.listening(1)
				end(w, c)
				_ = c.Net.Close()
				w.served.Wait()
				if got := fmt.Sprint(ends); got != "[closed]" {
					t.Errorf("the queue had heard %s at the ends, want closed, at one end", got)
				}
			})
		})
	}
}
