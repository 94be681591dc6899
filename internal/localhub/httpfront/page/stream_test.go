package page

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"iothub-c2d/internal/localhub/broker"
)

// listen returns a stream of events that has begun, and what ends it.
func listen(t *testing.T, url string) (lines *bufio.Scanner, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/page/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); answer.Body.Close() })
	if got := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("answered with %d %s", answer.StatusCode, got)
	}
	lines = bufio.NewScanner(answer.Body)
	if !lines.Scan() || lines.Text() != ": events follow" {
		t.Fatalf("the stream begins with %q", lines.Text())
	}
	return lines, cancel
}

// TestEventsAreStreamed checks the stream of one message, in its order, and that no
// body is in it.
func TestEventsAreStreamed(t *testing.T) {
	b := newBroker(t, broker.Options{})
	lines, _ := listen(t, serve(t, New(b, "myhub")))
	send(t, b, "dev1", &broker.Message{ID: "m", Ack: broker.AckFull, Body: []byte("secret")})
	box, _ := b.Mailbox(broker.ID{Device: "dev1"})
	d, _ := box.Take()
	if err := box.Settle(d.Token, broker.Complete); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"enqueued", "delivered", "completed", "feedbackSent"} {
		for lines.Scan() && lines.Text() == "" {
		}
		if got := lines.Text(); !strings.HasPrefix(got, `data: {"event":"`+want+`","at":`) || strings.Contains(got, "secret") {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

// TestStreamsAreLimited checks that a stream too many is refused, and that one that
// has ended makes room.
func TestStreamsAreLimited(t *testing.T) {
	p := New(newBroker(t, broker.Options{}), "myhub")
	url := serve(t, p)
	_, end := listen(t, url)
	for range maxStreams - 1 {
		listen(t, url)
	}
	if status, text, _ := get(t, url+"/page/events"); status != http.StatusServiceUnavailable {
		t.Errorf("one stream more: %d %s", status, text)
	}
	end()
	p.streams <- struct{}{} // as soon as there is room
	<-p.streams
	listen(t, url)
}

// TestStalledReaderIsBounded has a browser read nothing any more: the hub goes on, and
// holds no more than a subscription does.
func TestStalledReaderIsBounded(t *testing.T) {
	b := newBroker(t, broker.Options{})
	address := strings.TrimPrefix(serve(t, New(b, "myhub")), "http://")
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	fmt.Fprintf(c, "GET /page/events HTTP/1.1\r\nHost: %s\r\n\r\n", address)
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	const many = 200_000 // more than sockets hold
	for i := range many {
		b.Tell(broker.Event{Kind: broker.EventEnqueued, Device: "dev1", Sequence: uint64(i + 1)})
	}
	scanner := bufio.NewScanner(c)
	for missed := false; !missed; missed = scanner.Text() == "event: missed" {
		if !scanner.Scan() {
			t.Fatal("the stream has ended, and nothing was missed")
		}
	}
}

func TestSilentStreamBeats(t *testing.T) {
	if got := string(encode(nil, 0)); got != ":\n\n" {
		t.Errorf("nothing is %q", got)
	}
	if got, want := string(encode([]broker.Notice{{}}, 3)), "}\n\nevent: missed\ndata: 3\n\n"; !strings.HasPrefix(got, "data: {") || !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q at the end", got, want)
	}
}
