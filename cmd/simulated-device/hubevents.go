package main

import (
	"context"
	"log/slog"
	"sync"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/localhub"
)

// hubEvents shows what happens in a hub: as JSON with --output json, in the log
// with --verbose. It has a goroutine of its own, so that nobody in the hub waits
// for the output.
type hubEvents struct {
	console      *console.Console
	log          *slog.Logger
	subscription *localhub.Subscription
	shown        sync.WaitGroup
	failed       chan error // to print; one place
}

// watchHub has the events from now on wait to be shown. It returns nil if nobody
// wants to see them.
func watchHub(c *console.Console, hub *localhub.Hub) *hubEvents {
	if c.Output != console.OutputJSON && !c.Verbose {
		return nil
	}
	return &hubEvents{console: c, log: c.Logger(), subscription: hub.Subscribe(), failed: make(chan error, 1)}
}

// start shows the events until stop is called.
func (e *hubEvents) start() {
	if e == nil {
		return
	}
	e.shown.Go(func() {
		if err := e.show(); err != nil {
			e.failed <- err
		}
	})
}

// stop shows what is left, and returns when that is done. It is called when the hub
// is closed.
func (e *hubEvents) stop() {
	if e == nil {
		return
	}
	e.subscription.Close()
	e.shown.Wait()
}

// failure returns a channel for the error that has ended the output.
func (e *hubEvents) failure() <-chan error {
	if e == nil {
		return nil
	}
	return e.failed
}

func (e *hubEvents) show() error {
	for {
		list, missed, ok := e.subscription.Next(context.Background())
		if !ok {
			return nil
		}
		for _, n := range list {
			if err := e.showOne(n); err != nil {
				return err
			}
		}
		if err := e.showMissed(missed); err != nil {
			return err
		}
	}
}

// missedEvent says that the output was too slow for so many events.
type missedEvent struct {
	Event  string `json:"event"`
	Events int    `json:"events"`
}

func (e *hubEvents) showMissed(n int) error {
	if n == 0 {
		return nil
	}
	e.log.Warn("the output is too slow: events are missing here", "events", n)
	if e.console.Output == console.OutputJSON {
		return e.console.PrintJSON(missedEvent{"missed", n})
	}
	return nil
}

func (e *hubEvents) showOne(n localhub.Notice) error {
	if e.console.Output == console.OutputJSON {
		return e.console.PrintJSON(n)
	}
	if inLog(n.Event) {
		return nil
	}
	var facts []any
	for _, f := range []struct{ name, text string }{
		{"device", n.Device}, {"id", n.MessageID}, {"detail", n.Detail}, {"transport", n.Over.Transport}, {"client", n.Over.Client},
	} {
		if f.text != "" {
			facts = append(facts, f.name, f.text)
		}
	}
	e.log.Info(n.Name(), facts...)
	return nil
}

// inLog reports whether the hub logs an event itself, with more about it.
func inLog(e localhub.Event) bool {
	switch e.Name() {
	case "refused", "token", "attached", "fault":
		return true
	case "disconnected":
		return e.Detail != ""
	}
	return false
}
