package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

func TestFleetReport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out, errs bytes.Buffer
		p := newTestPrinter(t, &console.Console{Out: &out, Err: &errs, Output: console.OutputJSON})
		p.fleet = true
		p.status = func() fleetStatus { return fleetStatus{devices: 5, connected: 2, refused: 1, displaced: 2, returns: 7} }
		for range 11 {
			d := &iothub.Delivery{DeviceID: "device-3"}
			d.EnqueuedTime = time.Now().Add(-3 * time.Millisecond)
			if _, err := p.received(d); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if got, want := p.progress(0), "2 of 5 devices, 11 received, 9/s"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := p.summary(); err != nil {
			t.Fatal(err)
		}
		const event = `{"event":"summary","received":11,"completed":0,"abandoned":0,"rejected":0,"unsettled":0,"lockLost":0,` +
			`"devices":5,"connected":2,"refused":1,"displaced":2,"returns":7,"perSecond":10,"latencyMs":{"p50":3,"p95":3,"max":3}}` + "\n"
		if got := out.String(); got != event {
			t.Errorf("got  %s want %s", got, event)
		}
		const line = "2 of 5 devices connected, 1 refused, 2 displaced, 7 times back after an outage; 10 messages/s; " +
			"delivered after 3ms (half), 3ms (95 %), 3ms (all)."
		if !bytes.Contains(errs.Bytes(), []byte(line)) {
			t.Errorf("got %s, want %s", errs.String(), line)
		}
	})
}
