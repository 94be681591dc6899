package cmd_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
)

var kills = flag.Int("kills", 15, "how often TestKilledHub kills the hub")

// TestKilledHub kills a hub that keeps its data, at any moment, again and
// again, and starts it anew. In the end each message that it ever acknowledged
// must have been completed or be there still, and each that was completed must
// have its feedback.
func TestKilledHub(t *testing.T) {
	t.Parallel()
	data, seed := t.TempDir(), uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	book := newBook(t)
	for round := range *kills {
		hub := startKeptHub(t, data)
		ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
		life := time.Duration(random.Int64N(int64(80 * time.Millisecond)))
		kill := func() { time.AfterFunc(life, func() { _ = hub.cmd.Process.Kill() }) }
		if round%2 == 0 { // else it lives for a message at least, also on a busy machine
			kill()
			kill = func() {}
		}
		book.work(ctx, hub.address, round, kill)
		cancel()
		_ = hub.cmd.Process.Kill()
		_ = hub.cmd.Wait()
	}
	hub := startKeptHub(t, data)
	t.Cleanup(func() { _ = hub.cmd.Wait() }) // the test's end kills it
	book.settleAll(t, hub.address)
	if len(book.acked) == 0 {
		t.Error("the hub never lived long enough to show anything")
	}
	t.Logf("%d kills: %d acknowledged, %d abandoned, %d completed, %d received over MQTT, %d reported, seed %#x",
		*kills, len(book.acked), len(book.abandons), len(book.completed), len(book.overMQTT), len(book.reported), seed)
}

var keptDevice = localhub.Device{ID: defaults.DeviceID, Key: defaults.Key()}

type keptHub struct {
	cmd     *exec.Cmd
	address string
}

func startKeptHub(t *testing.T, data string) keptHub {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, "simulated-device"), "hub", "--listen", "127.0.0.1:0",
		"--data", data, "--max-queue", "100000", "--device", keptDevice.ID, "--device", keptMQTT)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stderr).ReadString('\n')
	_, address, ok := strings.Cut(strings.TrimSuffix(line, ".\n"), "is ready at ")
	if err != nil || !ok {
		t.Fatalf("the hub is not ready: %q, %v", line, err)
	}
	return keptHub{cmd, address}
}

// book is what the clients know of their messages.
type book struct {
	mu                         sync.Mutex // guards acked, completed and overMQTT
	acked, completed, reported map[string]bool
	overMQTT                   map[string]bool   // received, and acknowledged if the hub has heard it
	abandons                   map[string]uint32 // confirmed by the hub
	miscounted                 []string          // messages that the hub counts fewer of
	mqtt                       *rawclient.Device
}

func newBook(t *testing.T) *book {
	b := &book{
		acked: map[string]bool{}, completed: map[string]bool{}, reported: map[string]bool{}, overMQTT: map[string]bool{}, abandons: map[string]uint32{},
	}
	b.mqtt = &rawclient.Device{T: t, Hello: helloMQTT, Filter: "devices/" + keptMQTT + "/messages/devicebound/#", Receive: b.receiveMQTT}
	return b
}

// work sends, receives, completes and reads feedback until the hub is gone. It
// calls begun when the first message is acknowledged.
func (b *book) work(ctx context.Context, address string, round int, begun func()) {
	options := &iothub.Options{NoReconnect: true}
	service, err := iothub.DialService(ctx, defaults.ServiceString(address), options)
	if err != nil {
		return
	}
	defer service.Close(ctx)
	device, err := iothub.DialDevice(ctx, defaults.DeviceString(address, keptDevice.ID, keptDevice.Key), options)
	if err != nil {
		return
	}
	defer device.Close(ctx)
	feedback, err := service.ReceiveFeedback(ctx)
	if err != nil {
		return
	}
	var crowd sync.WaitGroup
	defer crowd.Wait()
	crowd.Go(func() { b.liveOverMQTT(ctx, address) })
	crowd.Go(func() {
		for n := 0; b.send(ctx, service, keptMQTT, fmt.Sprintf("mqtt-%d-%d", round, n)) == nil; n++ {
		}
	})
	for i := range 16 {
		crowd.Go(func() { b.sendSome(ctx, service, fmt.Sprintf("%d-crowd-%d", round, i)) })
	}
	for n := 0; ; n++ {
		if b.send(ctx, service, keptDevice.ID, fmt.Sprintf("%d-%d", round, n)) != nil {
			return
		}
		if n == 0 {
			begun()
		}
		if n%5 == 0 && b.abandonOne(ctx, device) != nil {
			return
		}
		if n%3 == 0 && (b.completeSome(ctx, device, 4) != nil || b.readOne(ctx, feedback) != nil) {
			return
		}
	}
}

// sendSome sends a few messages, while others do the same: the hub writes many at
// once.
func (b *book) sendSome(ctx context.Context, service *iothub.Service, name string) {
	for n := range 4 {
		if b.send(ctx, service, keptDevice.ID, fmt.Sprintf("%s-%d", name, n)) != nil {
			return
		}
	}
}

func (b *book) send(ctx context.Context, service *iothub.Service, device, id string) error {
	err := service.Send(ctx, device, &iothub.Message{ID: id, Ack: iothub.AckFull})
	if err == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.acked[id] = true
	}
	return err
}

// receive takes a message, and compares its delivery count with the books. It
// may be higher, by an abandon whose answer was lost.
func (b *book) receive(ctx context.Context, device *iothub.Device) (*iothub.Delivery, error) {
	d, err := device.Receive(ctx)
	if err == nil && d.DeliveryCount < b.abandons[d.ID] {
		b.miscounted = append(b.miscounted, d.ID)
	}
	return d, err
}

func (b *book) abandonOne(ctx context.Context, device *iothub.Device) error {
	d, err := b.receive(ctx, device)
	if err == nil {
		err = d.Abandon(ctx)
	}
	if err == nil {
		b.abandons[d.ID]++
	}
	return err
}

func (b *book) completeOne(ctx context.Context, device *iothub.Device) error {
	return b.completeSome(ctx, device, 1)
}

// completeSome receives n messages, and completes them at once.
func (b *book) completeSome(ctx context.Context, device *iothub.Device, n int) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		d, err := b.receive(ctx, device)
		if err != nil {
			errs[i] = err
			break
		}
		all.Go(func() {
			if errs[i] = d.Complete(ctx); errs[i] == nil {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.completed[d.ID] = true
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// readOne notes the records before it completes the batch: a batch that is
// completed by a hub that dies then is gone, and this reader has it.
func (b *book) readOne(ctx context.Context, feedback *iothub.FeedbackReceiver) error {
	batch, err := feedback.Receive(ctx)
	if err != nil {
		return err
	}
	for _, f := range batch.Records {
		b.reported[f.MessageID] = true
	}
	return batch.Complete(ctx)
}
