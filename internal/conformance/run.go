package conformance

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/sas"
)

// Options configure a run. Nil, or the zero value of a field, means the default.
type Options struct {
	// PerMinute is how many messages are sent in a minute, and how many requests to
	// the registry. Default: 100, as a hub with one S1 unit lets pass. Negative: any
	// number.
	PerMinute int
	// Figures are those of the hub. Default: IoT Hub's own.
	Figures Figures
	// Progress is told how many experiments have ended, at first none, from several
	// goroutines at once. Default: nobody is.
	Progress func(done, all int)
}

// Figures are the times that experiments wait for. Their zero values stand for IoT
// Hub's own, with time for a hub that is far away and busy.
type Figures struct {
	Lock     time.Duration // of a message in a device's hands: 60 s
	Feedback time.Duration // between two feedback messages: 15 s
	Soon     time.Duration // within this comes what should come at once: 10 s
	Silence  time.Duration // what has not come after this does not come: 5 s
	Expiry   time.Duration // life of what is to expire: 20 s
}

func (f Figures) withDefaults() Figures {
	return Figures{
		Lock:     cmp.Or(f.Lock, time.Minute),
		Feedback: cmp.Or(f.Feedback, 15*time.Second),
		Soon:     cmp.Or(f.Soon, 10*time.Second),
		Silence:  cmp.Or(f.Silence, 5*time.Second),
		Expiry:   cmp.Or(f.Expiry, 20*time.Second),
	}
}

// sideBySide is how many experiments run at once.
const sideBySide = 16

// maxTime bounds a run without what it does to clean up.
const maxTime = 9 * time.Minute

// run is a run in progress.
type run struct {
	target    Target
	figures   Figures
	perMinute int
	id        string // begins the names of its devices and messages
	rights    need
	refused   string // why it cannot make devices
	http      *http.Client
	service   *iothub.Service
	feedback  *feedback

	sendPace, registryPace *pace
	sent                   atomic.Int64

	given chan struct{} // has room for the one trial that uses the device of the target

	mu      sync.Mutex
	devices map[string]bool // made, or about to be
	every   map[string]bool // made at any time
	awaited map[string]bool // ids of messages on which there will be feedback
}

// Run holds all beliefs against a hub. It ends early when ctx does, and has then
// removed what it has made, as always. The error says why there is no report.
func Run(ctx context.Context, target Target, options *Options) (*Report, error) {
	o := options.withDefaults()
	r := newRun(target, o)
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	if err := r.prepare(limited); err != nil {
		return nil, errors.Join(err, r.cleanUp(ctx)) // what is left, too
	}
	results := r.all(limited, o.Progress)
	interrupted := ctx.Err() != nil // not only after all was done
	left := r.cleanUp(ctx)
	report := &Report{
		Began: began, Took: time.Since(began), Protocol: cmp.Or(target.Protocol, iothub.AMQP),
		Messages: int(r.sent.Load()), Results: slices.Concat(results...), Interrupted: interrupted,
	}
	if left != nil {
		report.Left = left.Error()
	}
	report.hide(r.secrets())
	return report, nil
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	d.PerMinute = cmp.Or(d.PerMinute, 100)
	d.Figures = d.Figures.withDefaults()
	if d.Progress == nil {
		d.Progress = func(int, int) {}
	}
	return d
}

func newRun(target Target, o Options) *run {
	var id [4]byte
	_, _ = rand.Read(id[:]) // documented never to fail
	return &run{
		target: target, figures: o.Figures, perMinute: o.PerMinute, id: "conformance-" + hex.EncodeToString(id[:]),
		http: target.client(), sendPace: newPace(o.PerMinute), registryPace: newPace(o.PerMinute),
		given: make(chan struct{}, 1), devices: make(map[string]bool), every: make(map[string]bool), awaited: make(map[string]bool),
	}
}

// prepare connects, and finds out what the run may do.
func (r *run) prepare(ctx context.Context) error {
	if r.target.Device.DeviceID != "" {
		r.rights |= device
	}
	if r.target.Service.HostName == "" {
		return nil
	}
	var err error
	if r.service, err = iothub.DialService(ctx, r.target.Service, &iothub.Options{Dial: r.target.amqp}); err != nil {
		return fmt.Errorf("connect as a back end: %w", err)
	}
	r.rights |= service
	if r.feedback, err = startFeedback(ctx, r); err != nil {
		return fmt.Errorf("read feedback: %w", err)
	}
	probe := r.id + "-0"
	if _, err := r.newSubject(ctx, newTrace(), probe); err != nil {
		r.refused = err.Error()
		r.disown(probe)
		return nil
	}
	r.rights |= registry | device
	return r.remove(ctx, probe)
}

// all makes all experiments, and returns what came out in their order.
func (r *run) all(ctx context.Context, progress func(done, all int)) [][]Result {
	list := experiments()
	results := make([][]Result, len(list))
	slots := make(chan struct{}, sideBySide)
	var running sync.WaitGroup
	var done atomic.Int64
	progress(0, len(list))
	for i, e := range list {
		slots <- struct{}{}
		running.Go(func() {
			results[i] = r.one(ctx, i+1, e)
			<-slots
			progress(int(done.Add(1)), len(list))
		})
	}
	running.Wait()
	return results
}

// one makes an experiment.
func (r *run) one(ctx context.Context, number int, e experiment) []Result {
	t := &trial{run: r, number: number, trace: newTrace(), figures: r.figures, sends: e.sends}
	if t.why = r.missing(e.needs); t.why == "" {
		if e.needs&(device|registry) != 0 {
			giveBack := r.lend(ctx, t)
			defer giveBack()
		}
		if t.why == "" {
			t.carryOut(ctx, e)
		}
	}
	if ctx.Err() != nil {
		t.why = whyOver(ctx)
	}
	return t.results(e.beliefs)
}

// whyOver says why a run has ended early.
func whyOver(ctx context.Context) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "the time was up"
	}
	return "the run was interrupted"
}

// missing says what the run lacks, empty if it lacks nothing.
func (r *run) missing(n need) string {
	switch lack := n &^ r.rights; {
	case lack&service != 0:
		return "it needs the connection string of a policy with service connect"
	case lack&registry != 0 && r.rights&service == 0:
		return "it needs the connection string of a policy that may write the registry"
	case lack&registry != 0:
		return "it needs a policy that may write the registry; " + r.refused
	case lack&device != 0:
		return "it needs a device: a policy that may write the registry, or the connection string of a device"
	}
	return ""
}

// lend gives a trial a device with an empty queue: a new one, or the only one in its
// turn.
func (r *run) lend(ctx context.Context, t *trial) (giveBack func()) {
	var err error
	if r.rights&registry != 0 {
		id := fmt.Sprintf("%s-%d", r.id, t.number)
		if t.subject, err = r.newSubject(ctx, t.trace, id); err != nil {
			t.why = err.Error()
		}
		return func() {
			if ctx.Err() == nil {
				_ = r.remove(ctx, id) // cleanUp tries again
			}
		}
	}
	r.given <- struct{}{}
	t.subject = &subject{cs: r.target.Device}
	if err := r.empty(ctx); err != nil {
		t.why = err.Error()
	}
	return func() {
		_ = r.empty(ctx) // the next one, and cleanUp, do it too
		<-r.given
	}
}

// empty purges the queue of the device that was given.
func (r *run) empty(ctx context.Context) error {
	if r.rights&service == 0 {
		return nil // nothing was sent
	}
	tr := newTrace()
	a, err := r.request(ctx, tr, call{
		method: http.MethodDelete, path: "/devices/" + sas.Escape(r.target.Device.DeviceID) + "/commands", authorization: r.token().Reveal(),
	})
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("the queue of the device could not be emptied: the hub answered %s", a.text())
	}
	return err
}

// cleanUp removes what the run has made, also when it was interrupted, and
// disconnects. The error says what is left.
func (r *run) cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	r.registryPace = newPace(r.perMinute) // whoever waited for the old one is gone
	left := r.removeAll(ctx)
	if r.rights&registry == 0 && r.rights&device != 0 {
		left = errors.Join(left, r.empty(ctx))
	}
	if r.feedback != nil {
		r.finishFeedback()
		r.feedback.stop()
	}
	if r.service != nil {
		_ = r.service.Close(ctx) // there is nothing left to say
	}
	r.http.CloseIdleConnections()
	return left
}

// finishFeedback reads what is still to come about the run's messages. There may be
// none about a message whose sending was interrupted.
func (r *run) finishFeedback() {
	over := time.NewTimer(r.figures.Feedback + 2*time.Second)
	defer over.Stop()
	for {
		_, _, changed, why := r.feedback.find(func(iothub.Feedback) bool { return false })
		if why != "" || r.missed() == 0 {
			return
		}
		select {
		case <-changed:
		case <-over.C:
			return
		}
	}
}

func (r *run) host() string { return r.target.hub().Host() }

// token returns a token of the back end.
func (r *run) token() sas.Token {
	return r.tokenFor(r.host(), time.Now().Add(time.Hour))
}

// tokenFor returns a token of the back end for a resource.
func (r *run) tokenFor(resource string, end time.Time) sas.Token {
	cs := r.target.Service
	if !cs.Token.IsZero() {
		return cs.Token
	}
	return sas.NewToken(cs.Key, resource, cs.KeyName, end)
}

func (r *run) own(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.devices[id], r.every[id] = true, true
}

func (r *run) disown(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.devices, id)
}

func (r *run) owned() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.devices))
}

// disowns reports whether feedback is about a message of somebody else.
func (r *run) disowns(f iothub.Feedback) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.every[f.DeviceID] && !strings.HasPrefix(f.MessageID, r.id)
}

// expect notes that there may be feedback on a message.
func (r *run) expect(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.awaited[id] = true
}

// giveUp notes that there is feedback on a message, or that there will be none.
func (r *run) giveUp(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.awaited, id)
}

// missed returns on how many messages there is no feedback yet.
func (r *run) missed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.awaited)
}
