package conformance

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
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
	front   string          // what the hub's front end is like
}

// Run holds all beliefs against a hub. It ends early when ctx does, and has then
// removed what it has made, as always. The error says why there is no report.
func Run(ctx context.Context, target Target, options *Options) (*Report, error) {
	o := options.withDefaults()
	r := newRun(target, o)
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	if err := r.prepare(limited); err != nil && limited.Err() == nil {
		return nil, errors.Join(err, r.cleanUp(ctx)) // what is left, too
	}
	results := r.all(limited, o.Progress)
	interrupted := ctx.Err() != nil // not only after all was done
	left := r.cleanUp(ctx)
	report := &Report{
		Began: began, Took: time.Since(began), Protocol: cmp.Or(target.Protocol, iothub.AMQP),
		Messages: int(r.sent.Load()), Results: slices.Concat(results...), Interrupted: interrupted, Front: r.front,
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
	if t.why = r.missing(e.needs); t.why == "" && ctx.Err() == nil {
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
