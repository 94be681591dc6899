package iothub

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

func TestOutageIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []string
		o := newOutage(Options{
			Lost:     func(err error) { told = append(told, "lost: "+err.Error()) },
			Restored: func(after time.Duration) { told = append(told, "restored after "+after.String()) },
		})
		o.restored() // of nothing
		for range 2 {
			o.lost(errors.New("first"))
			time.Sleep(3 * time.Second)
			o.lost(errors.New("second"))
			o.restored()
			o.restored()
		}
		got, want := fmt.Sprint(told), "[lost: first restored after 3s lost: first restored after 3s]"
		if got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	})
	newOutage(Options{}).lost(io.EOF) // nobody listens
}

// TestOutageCallsBack wants a callback to be free to use the client, which may
// lead to the next callback, and all to be told in order.
func TestOutageCallsBack(t *testing.T) {
	t.Parallel()
	var o *outage
	var told []string
	o = newOutage(Options{
		Lost: func(err error) {
			if len(told) == 0 {
				o.restored()
				o.lost(errors.New("again"))
			}
			told = append(told, err.Error())
		},
		Restored: func(time.Duration) { told = append(told, "restored") },
	})
	o.lost(errors.New("lost"))
	if got, want := fmt.Sprint(told), "[lost restored again]"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
}
