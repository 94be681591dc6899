package localhub

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// TestRepliesAreBounded checks that replies which nobody reads take little
// memory: few on one connection, whatever the session, each with a short id.
func TestRepliesAreBounded(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.device("dev1")
		c.Sender(cbsSender, "$cbs")
		ask := func(id any) *amqpwire.Error {
			t.Helper()
			c.transfer(&amqpwire.Transfer{Handle: cbsSender}, putTokenRequest("bad", id))
			d := wantAfterFlows[*amqpwire.Disposition](c)
			if rejected, ok := d.State.(*amqpwire.Rejected); ok {
				return rejected.Error
			}
			return nil
		}
		for _, id := range []any{nil, "", strings.Repeat("x", maxID), bytes.Repeat([]byte{1}, maxID), uint64(1), amqpwire.UUID{1}} {
			rawclient.WantCondition(t, fmt.Sprintf("id %T", id), ask(id), "")
		}
		for _, id := range []any{strings.Repeat("x", maxID+1), bytes.Repeat([]byte{1}, maxID+1)} {
			rawclient.WantCondition(t, fmt.Sprintf("id %T", id), ask(id), condArgument)
		}
		c.Begin(1, 100)
		c.Send(1, rawclient.SenderAttach(0, "$cbs"))
		want[*amqpwire.Attach](c)
		want[*amqpwire.Flow](c)
		for i := range uint32(maxReplies - 6) {
			c.Send(1, &amqpwire.Transfer{DeliveryID: &i, DeliveryTag: []byte{1}, Settled: true}, rawclient.Encode(t, putTokenRequest("bad", nil))...)
		}
		c.WantQuiet(func(rawclient.Received) {})
		rawclient.WantCondition(t, "in another session", ask(nil), amqpserver.CondLimitExceeded)
		// The twin's replies count as well.
		const twin = "/devices/dev1/twin"
		c.Sender(2, twin)
		c.Receiver(3, twin)
		c.transfer(&amqpwire.Transfer{Handle: 2}, &amqpwire.Message{Data: [][]byte{nil}})
		d := want[*amqpwire.Disposition](c)
		if rejected, ok := d.State.(*amqpwire.Rejected); !ok || rejected.Error.Condition != amqpserver.CondLimitExceeded {
			t.Errorf("request about the twin: %+v", d.State)
		}
		c.Send(1, &amqpwire.End{})
		want[*amqpwire.End](c)
		rawclient.WantCondition(t, "after the end of the other session", ask(nil), "")
	})
}

// TestPartialMessagesAreBounded begins messages on many links, and ends none.
func TestPartialMessagesAreBounded(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.service()
		const perLink = maxPutToken / 2
		begin := func(handle uint32) {
			c.Sender(handle, "$cbs")
			for sent := 0; sent < perLink; sent += 32 << 10 {
				c.Send(0, &amqpwire.Transfer{Handle: handle, DeliveryID: &handle, More: true}, make([]byte, 32<<10)...)
			}
		}
		handle := uint32(0)
		for ; handle < maxPartial/perLink; handle++ {
			begin(handle)
		}
		c.Sender(handle, "$cbs")
		c.Send(0, &amqpwire.Transfer{Handle: handle, DeliveryID: new(uint32), More: true}, 1)
		rawclient.WantCondition(t, "detach", want[*amqpwire.Detach](c).Error, amqpserver.CondLimitExceeded)
		// One that is given up, one that is detached: there is room for two.
		c.Send(0, &amqpwire.Transfer{Handle: 0, More: true, Aborted: true})
		c.Send(0, &amqpwire.Detach{Handle: 1, Closed: true})
		want[*amqpwire.Detach](c)
		begin(100)
		begin(101)
		c.WantNothing()
	})
}

// TestModulesAreBounded checks that a device has fifty modules at most, and of
// what names. They exist as soon as they are named.
func TestModulesAreBounded(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.device("dev1")
		address := func(module string) *amqpwire.Attach {
			return rawclient.ReceiverAttach(0, "/devices/dev1/modules/"+module+"/messages/devicebound")
		}
		for _, odd := range []string{"ä", "a b", "a%2Fb", strings.Repeat("x", maxID+1)} {
			c.WantRefused(address(odd), condArgument)
		}
		for i := range uint32(maxModules) {
			c.Receiver(i, address(fmt.Sprint(i)).Source.Address)
		}
		for range 2 {
			a := address("more")
			a.Handle = maxModules
			wantHubError(t, c.WantRefused(a, amqpserver.CondLimitExceeded), int(broker.TooManyModules))
		}
		c.Receiver(maxModules, address("0").Source.Address)
		want[*amqpwire.Detach](c) // the first one's: there are no more modules for that
		if _, refused := w.hub.broker.Mailbox(broker.ID{Device: "dev2", Module: "0"}); refused != nil {
			t.Error(refused)
		}
	})
}

// TestSmallFrames checks that errors do not exceed the client's max-frame-size,
// whatever they have to say.
func TestSmallFrames(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.connect()
		c.Open(&amqpwire.Open{ContainerID: "raw", MaxFrameSize: new(uint32(512))})
		c.Begin(0, 5000)
		long := rawclient.SenderAttach(0, "/"+strings.Repeat("x", 200))
		if e := c.WantRefused(long, amqpserver.CondNotFound); e.Description != "" || e.Info != nil {
			t.Errorf("error %v, want its condition alone", e)
		}
		if e := c.WantRefused(rawclient.SenderAttach(0, "/"), amqpserver.CondNotFound); e.Description == "" {
			t.Errorf("error %v, want a description", e)
		}
		c.putToken(token("service", testHost, 3600e9))
		c.Sender(0, serviceAddress)
		m := c2d("m")
		m.Properties.To = "/devices/" + strings.Repeat("x", 300) + "/messages/devicebound"
		if e := c.sendC2D(m); e.Condition != amqpserver.CondNotFound || e.Description != "" {
			t.Errorf("error %v, want its condition alone", e)
		}
	})
}
