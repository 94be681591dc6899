package localhub

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// ends are how a device can let go of a message without a word about it.
var ends = map[string]func(c *raw){
	"a hang-up": func(c *raw) { _ = c.Net.Close() },
	"a detach with an error": func(c *raw) {
		c.Send(0, &amqpwire.Detach{Closed: true, Error: &amqpwire.Error{Condition: "app:crash"}})
	},
	"an end with an error":  func(c *raw) { c.Send(0, &amqpwire.End{Error: &amqpwire.Error{Condition: "app:crash"}}) },
	"a close with an error": func(c *raw) { c.Send(0, &amqpwire.Close{Error: &amqpwire.Error{Condition: "app:crash"}}) },
	"rubbish":               func(c *raw) { c.Write([]byte{0, 0, 0, 8, 9, 9, 9, 9}) },
	"a detach":              func(c *raw) { c.Send(0, &amqpwire.Detach{Closed: true}) },
	"a close":               func(c *raw) { c.Send(0, &amqpwire.Close{}) },
}

const (
	lostOnce  = "receiver lost with messages in its hands"
	lostAgain = "receiver after receiver is lost with the same messages in its hands"
)

// TestMessageThatKillsReceiversIsNamed lets one receiver after the other end with the
// message in hand, and checks what the log says, and that its delivery count does
// not rise: only an abandon counts.
func TestMessageThatKillsReceiversIsNamed(t *testing.T) {
	t.Parallel()
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			var log logLines
			inWorld(t, Options{Logger: newLogger(&log)}, func(t *testing.T, w *world) {
				inOrder := !slices.Contains([]string{"a detach", "a close"}, name)
				w.enqueue("killer")
				for n := 1; n <= 4; n++ {
					c := w.listening(1)
					_, payload := c.WantTransfer()
					if count, _ := rawclient.Decode(t, payload).Annotations.Get("iothub-deliverycount"); count != uint8(0) {
						t.Errorf("delivery count %v, want 0", count)
					}
					end(c)
					synctest.Wait()
					time.Sleep(time.Minute) // for the lock, if it is not given back
					once, again := log.count(lostOnce, "killer (sequence number 1)"), log.count(lostAgain, "killer (sequence number 1)")
					wantOnce, wantAgain := n, max(n-2, 0)
					if !inOrder {
						wantOnce, wantAgain = 0, 0
					}
					if once != wantOnce || again != wantAgain {
						t.Errorf("after %d: told %d times that a receiver is lost, %d times that it is one after the other; want %d, %d", n, once, again, wantOnce, wantAgain)
					}
				}
			})
		})
	}
}

// count returns how many lines have both texts.
func (l *logLines) count(text, more string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, text) && strings.Contains(line, more) {
			n++
		}
	}
	return n
}

// TestReceiverThatSettlesClearsTheMessage checks that a message is not named that
// some receivers get along with.
func TestReceiverThatSettlesClearsTheMessage(t *testing.T) {
	var log logLines
	inWorld(t, Options{Logger: newLogger(&log)}, func(t *testing.T, w *world) {
		w.enqueue("m1")
		for _, settles := range []bool{false, false, true, false, false} {
			c := w.listening(2)
			transfer, _ := c.WantTransfer()
			if settles {
				c.Settle(*transfer.DeliveryID, &amqpwire.Released{})
				c.WantTransfer()
				c.Send(0, &amqpwire.Detach{Closed: true})
				synctest.Wait()
				continue
			}
			_ = c.Net.Close()
			synctest.Wait()
			time.Sleep(time.Minute)
		}
		if log.has(lostAgain) || log.count(lostOnce, "m1") != 4 {
			t.Errorf("log %q", log.lines)
		}
	})
}

// TestManyMessagesInHand checks that a receiver that is lost with many messages in
// its hands fills no log, and that those which it has settled are not among them.
func TestManyMessagesInHand(t *testing.T) {
	var log logLines
	inWorld(t, Options{Logger: newLogger(&log)}, func(t *testing.T, w *world) {
		w.enqueue(names(1, 50)...)
		c := w.listening(50)
		for range 50 {
			c.WantTransfer()
		}
		for id := range uint32(41) {
			c.Settle(id+1, &amqpwire.Accepted{}) // 0 was the reply to the token
		}
		_ = c.Net.Close()
		synctest.Wait()
		if log.count(lostOnce, "m42 (sequence number 42), ") != 1 || log.count(lostOnce, "and 4 more") != 1 {
			t.Errorf("log %s", fmt.Sprint(log.lines[max(0, len(log.lines)-3):]))
		}
	})
}
