package localhub

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// strangers are what clients say that have shown no token, and never will, to make
// the hub hold something.
func strangers(t testing.TB) map[string][]byte {
	long := strings.Repeat("n", 1000)
	say := func(open *amqpwire.Open, frames ...amqpwire.Frame) []byte {
		return appendFrames(t, bytes.Clone(amqpwire.HeaderAMQP[:]), append([]amqpwire.Frame{{Body: open}}, frames...)...)
	}
	begun := func(frames ...amqpwire.Frame) []byte {
		begin := amqpwire.Frame{Body: &amqpwire.Begin{IncomingWindow: 5000, OutgoingWindow: 5000}}
		return say(&amqpwire.Open{ContainerID: "x"}, append([]amqpwire.Frame{begin}, frames...)...)
	}
	many := func(n int, f func(i uint32) amqpwire.Frame) (frames []amqpwire.Frame) {
		for i := range uint32(n) {
			frames = append(frames, f(i))
		}
		return frames
	}
	attaches := func(n int, edit func(a *amqpwire.Attach)) []byte {
		return begun(many(n, func(i uint32) amqpwire.Frame {
			a := rawclient.SenderAttach(i, "$cbs")
			edit(a)
			return amqpwire.Frame{Body: a}
		})...)
	}
	requests := func(n int, t amqpwire.Transfer, payload []byte) []byte {
		return begun(append(many(1, func(uint32) amqpwire.Frame { return amqpwire.Frame{Body: rawclient.SenderAttach(0, "$cbs")} }),
			many(n, func(uint32) amqpwire.Frame { return amqpwire.Frame{Body: &t, Payload: payload} })...)...)
	}
	request := putTokenRequest("", nil)
	request.ApplicationProperties[0].Value = strings.Repeat("o", 7000)
	return map[string][]byte{
		"nothing":        begun(),
		"a large open":   say(&amqpwire.Open{ContainerID: strings.Repeat("c", 3000), Properties: make(amqpwire.Map, 2000)}),
		"many sessions":  say(new(amqpwire.Open), many(31, func(i uint32) amqpwire.Frame { return amqpwire.Frame{Channel: uint16(i), Body: &amqpwire.Begin{}} })...),
		"links":          attaches(20, func(a *amqpwire.Attach) { a.Name = long }),
		"refused links":  attaches(20, func(a *amqpwire.Attach) { a.Name, a.Target.Address = long, "/"+long }),
		"own termini":    attaches(20, func(a *amqpwire.Attach) { a.Source.Address = long + long + long }),
		"properties":     attaches(40, func(a *amqpwire.Attach) { a.Properties = make(amqpwire.Map, 3500) }),
		"fewer of them":  attaches(40, func(a *amqpwire.Attach) { a.Properties = make(amqpwire.Map, 500) }),
		"half a frame":   append(begun(), append([]byte{0, 0, 0x20, 0, 2, 0, 0, 0}, make([]byte, 8000)...)...),
		"half a request": requests(4, amqpwire.Transfer{DeliveryID: new(uint32), More: true}, make([]byte, 7500)),
		"replies":        requests(90, amqpwire.Transfer{DeliveryID: new(uint32), Settled: true}, rawclient.Encode(t, request)),
	}
}

// TestStrangersHoldLittle measures what clients without a token make the hub hold:
// 64 KB at most for each, whatever they say, and whether they read or not.
func TestStrangersHoldLittle(t *testing.T) { // not parallel: it measures the process
	const clients, limit = 40, 64 << 10
	for name, say := range strangers(t) {
		for _, reads := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, reads: %v", name, reads), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, Options{})
					before := heap()
					for range clients {
						near, far := net.Pipe()
						t.Cleanup(func() { _ = near.Close() })
						w.served.Go(func() { w.hub.ServeConn(far) })
						w.served.Go(func() { _, _ = near.Write(say) }) // the hub may not want it
						reading := int64(200)                          // this gets it to an open connection
						if reads {
							reading = 1 << 40
						}
						w.served.Go(func() { _, _ = io.CopyN(io.Discard, near, reading) })
					}
					synctest.Wait()
					if open := w.hub.open; open != clients {
						t.Fatalf("%d connections are open", open)
					}
					if per := (heap() - before) / clients; per > limit {
						t.Errorf("%d bytes for each client, want at most %d", per, limit)
					} else {
						t.Logf("%d bytes for each client", per)
					}
				})
			})
		}
	}
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestMessagesTakeWhatTheyHave measures what messages take that would be many times
// as large decoded.
func TestMessagesTakeWhatTheyHave(t *testing.T) { // not parallel, likewise
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		back := w.service()
		back.Sender(0, serviceAddress)
		const count, size = 40, 250_000
		m := c2d("m")
		m.Footer = amqpwire.Map{{Key: amqpwire.Symbol("nulls"), Value: make(amqpwire.List, size)}}
		message := rawclient.Encode(t, m)
		m = nil
		before := heap()
		for range count {
			back.sendBytes(message)
			wantAfterFlows[*amqpwire.Disposition](back)
		}
		if n := w.queueOf("dev1").Len(); n != count {
			t.Fatalf("%d messages are queued, want %d", n, count)
		}
		if per := (heap() - before) / count; per > size*3/2 {
			t.Errorf("%d bytes for each message of %d", per, len(message))
		}
	})
}

// TestMessagesOfAllDevicesAreBounded fills a hub with little memory, by the messages
// of two devices, and makes room again in every way.
func TestMessagesOfAllDevicesAreBounded(t *testing.T) {
	const fit, takes = 4, 66_200 // a message of 60,000 bytes does: memory is given out in certain sizes
	inWorld(t, Options{Memory: (fit*takes + 5000) / 3 * 4}, func(t *testing.T, w *world) {
		back := w.service()
		back.Sender(0, serviceAddress)
		send := func(device string) *amqpwire.Error {
			m := bulky(60_000)
			m.Properties.To = "/devices/" + device + "/messages/devicebound"
			return back.sendC2D(m)
		}
		fill := func() (n int) {
			for ; ; n++ {
				refused := send([]string{"dev1", "dev2"}[n%2])
				if refused == nil {
					continue
				}
				wantHubError(t, rawclient.WantCondition(t, "one too many", refused, amqpserver.CondLimitExceeded), int(broker.HubFull))
				if !strings.Contains(refused.Description, "receive or purge some") {
					t.Errorf("refused with %s", refused.Description)
				}
				return n
			}
		}
		wantFilled := func(when string, want int) {
			t.Helper()
			if n := fill(); n != want {
				t.Errorf("%s: %d messages fit, want %d", when, n, want)
			}
		}
		wantFilled("at first", fit)
		if refused := back.sendC2D(c2d("small")); refused != nil {
			t.Errorf("a small one: %v", refused)
		}
		c := w.listening(1) // for a device there is memory still
		first, _ := c.WantTransfer()
		for more := first.More; more; {
			next, _ := c.WantTransfer()
			more = next.More
		}
		c.Settle(*first.DeliveryID, &amqpwire.Accepted{})
		synctest.Wait()
		wantFilled("after one is completed", 1)
		if n, _ := w.hub.Purge("dev2"); n != 2 {
			t.Errorf("%d purged", n)
		}
		wantFilled("after a purge", 2)
		time.Sleep(2 * time.Hour)
		back = w.service()
		back.Sender(0, serviceAddress)
		wantFilled("after all have expired", fit)
	})
}

// TestKeptMessagesCount checks that the messages that a hub finds when it starts
// count like others.
func TestKeptMessagesCount(t *testing.T) {
	t.Parallel()
	const takes = 66_200
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		for run, fit := range []int{3, 0} {
			w := newWorld(t, Options{Data: dir, Memory: 3 * takes / 3 * 4})
			c := w.service()
			c.Sender(0, serviceAddress)
			n := 0
			for c.sendC2D(bulky(60_000)) == nil {
				n++
			}
			if n != fit {
				t.Errorf("run %d: %d messages fit, want %d", run, n, fit)
			}
			w.hub.Close()
		}
	})
}

// TestTrustedClientsAreBoundedToo checks that one client with a token cannot take
// all the memory that connections have, and not for ever what it takes.
func TestTrustedClientsAreBoundedToo(t *testing.T) {
	inWorld(t, Options{Memory: 4 << 20}, func(t *testing.T, w *world) { // connections have a quarter
		hog := w.service()
		var refused *amqpwire.Error
		for handle := uint32(0); refused == nil && handle < 100; handle++ {
			hog.Sender(handle, serviceAddress)
			for range 3 {
				hog.Send(0, &amqpwire.Transfer{Handle: handle, DeliveryID: new(uint32), More: true}, make([]byte, 60_000)...)
			}
			synctest.Wait()
			if len(hog.In) > 0 {
				refused = want[*amqpwire.Detach](hog).Error
			}
		}
		rawclient.WantCondition(t, "a message more", refused, amqpserver.CondLimitExceeded)
		_ = hog.Net.Close()
		synctest.Wait()
		if got := w.hub.connections.left.Load(); got != 1<<20 {
			t.Errorf("%d bytes are left after the client has gone, want all", got)
		}
	})
}

// TestLongTextIsCut checks that neither answers nor the log repeat all that a client
// says.
func TestLongTextIsCut(t *testing.T) {
	var log logLines
	inWorld(t, Options{Logger: newLogger(&log)}, func(t *testing.T, w *world) {
		const limit = 2000
		long := strings.Repeat("long", 5000)
		wantShort := func(what, text string) {
			t.Helper()
			if len(text) > limit || !strings.Contains(text, "longlong") {
				t.Errorf("%s: %d bytes, %.80q", what, len(text), text)
			}
		}
		c := w.service()
		c.attachCBS()
		for i, name := range []string{"operation", "type"} {
			request := putTokenRequest("", nil)
			request.ApplicationProperties[i].Value = long
			wantShort(name, c.request(request).ApplicationProperties.String("status-description"))
		}
		for _, sr := range []string{long, testHost + "/devices/" + long} {
			text := "SharedAccessSignature sr=" + sr[:3800] + "&sig=YWJjZA==&se=1"
			wantShort("token", c.request(putTokenRequest(text, nil)).ApplicationProperties.String("status-description"))
		}
		c.Sender(0, serviceAddress)
		for name, edit := range map[string]func(*amqpwire.Message){
			"to":             func(m *amqpwire.Message) { m.Properties.To = "/" + long },
			"device":         func(m *amqpwire.Message) { m.Properties.To = "/devices/" + long + "/messages/devicebound" },
			"module":         func(m *amqpwire.Message) { m.Properties.To = "/devices/dev1/modules/" + long + "/messages/devicebound" },
			"property":       func(m *amqpwire.Message) { m.ApplicationProperties = amqpwire.Map{{Key: long + " ", Value: "v"}} },
			"property value": func(m *amqpwire.Message) { m.ApplicationProperties = amqpwire.Map{{Key: long, Value: amqpwire.List{}}} },
			"ack":            func(m *amqpwire.Message) { m.ApplicationProperties = amqpwire.Map{{Key: "iothub-ack", Value: long}} },
			"annotation":     func(m *amqpwire.Message) { m.Annotations = amqpwire.Map{{Key: long, Value: "v"}} },
			"annotation value": func(m *amqpwire.Message) {
				m.Annotations = amqpwire.Map{{Key: amqpwire.Symbol(long), Value: amqpwire.List{}}}
			},
		} {
			m := c2d("m")
			edit(m)
			if refused := c.sendC2D(m); refused == nil {
				t.Errorf("%s: not refused", name)
			} else {
				wantShort(name, refused.Description)
			}
		}
		wantShort("address", c.WantRefused(rawclient.ReceiverAttach(9, "/"+long[:4000]), amqpserver.CondNotFound).Description)
		near, far := net.Pipe()
		w.served.Go(func() { w.hub.ServeConn(far) })
		go func() { _, _ = io.WriteString(near, "GET /"+long+" HTTP/1.1\r\nHost: "+long[:5000]+"\r\n\r\n") }()
		answer, _ := io.ReadAll(near)
		wantShort("host", string(answer))
		for _, line := range log.lines {
			if len(line) > limit {
				t.Errorf("log line of %d bytes: %.80q", len(line), line)
			}
		}
	})
}
