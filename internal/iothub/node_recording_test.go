package iothub_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
)

// readRecording returns the frames that the SDK sent.
func readRecording(t *testing.T, name string) (frames []sentFrame) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) != 3 || words[0] != ">" || words[1] == "header" {
			continue
		}
		b, err := hex.DecodeString(words[2])
		if err != nil {
			t.Fatal(err)
		}
		f, err := amqpwire.DecodeFrame(b)
		if err != nil {
			t.Fatalf("%s: %v", words[1], err)
		}
		frames = append(frames, sentFrame{f})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return frames
}

// recorder keeps what a client writes.
type recorder struct {
	net.Conn
	mu      *sync.Mutex
	written *[]byte
}

func (r recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	*r.written = append(*r.written, p...)
	r.mu.Unlock()
	return r.Conn.Write(p)
}

// sdkDevice and sdkMessage are the device and the message of the recordings.
const sdkDevice = "Amqp-1"

func sdkMessage() *iothub.Message {
	return &iothub.Message{
		ID: "5d1e0a2e-7f0c-4a35-9d61-0a1b2c3d4e5f", CorrelationID: "correlation_0",
		ContentType: "text/plain", ContentEncoding: "utf-8", Body: []byte("b"),
		Properties: map[string]any{"Property": "PropMsg_0"}, Expiry: time.Now().Add(time.Hour), Ack: iothub.AckFull,
	}
}

// recordRoundTrip sends three messages to a device, which completes, abandons
// and rejects, and returns the frames that the two clients sent.
func recordRoundTrip(t *testing.T) (service, device []sentFrame) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, address := startHub(t, &localhub.Options{
		MaxDeliveryCount: 1,
		Devices:          []localhub.Device{{ID: sdkDevice, Key: defaults.Key()}},
	})
	var mu sync.Mutex
	var fromService, fromDevice []byte
	record := func(to *[]byte) *iothub.Options {
		return &iothub.Options{Dial: func(context.Context) (net.Conn, error) {
			c, err := net.Dial("tcp", address)
			return recorder{c, &mu, to}, err
		}}
	}
	s, err := iothub.DialService(ctx, serviceString(t, "localhost"), record(&fromService))
	if err != nil {
		t.Fatal(err)
	}
	feedback, err := s.ReceiveFeedback(ctx)
	if err != nil {
		t.Fatal(err)
	}
	d, err := iothub.DialDevice(ctx, deviceString(t, "localhost", sdkDevice), record(&fromDevice))
	if err != nil {
		t.Fatal(err)
	}
	for _, settle := range []func(*iothub.Delivery, context.Context) error{
		(*iothub.Delivery).Complete, (*iothub.Delivery).Abandon, (*iothub.Delivery).Reject,
	} {
		if err := s.Send(ctx, sdkDevice, sdkMessage()); err != nil {
			t.Fatal(err)
		}
		delivery, err := d.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := settle(delivery, ctx); err != nil {
			t.Fatal(err)
		}
		batch, err := feedback.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := batch.Complete(ctx); err != nil {
			t.Fatal(err)
		}
	}
	d.Close(ctx)
	s.Close(ctx)
	mu.Lock()
	defer mu.Unlock()
	return cutFrames(t, fromService), cutFrames(t, fromDevice)
}

// cutFrames finds the frames in a recording, after its protocol header.
func cutFrames(t *testing.T, b []byte) (frames []sentFrame) {
	t.Helper()
	r := strings.NewReader(string(b[8:]))
	for r.Len() > 0 {
		f, err := amqpwire.ReadFrame(r, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, sentFrame{f})
	}
	return frames
}
