package localhub

import (
	"testing"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// TestAttachRefusals checks the conditions and codes, and that a refused link's
// handle can be used again.
func TestAttachRefusals(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		c.putToken(token("iothubowner", testHost, 1<<40))
		for _, test := range []struct {
			address   string
			sends     bool
			condition amqpwire.Symbol
			code      int
		}{
			{"/no/such/address", true, amqpserver.CondNotFound, 404006},
			{"/no/such/address", false, amqpserver.CondNotFound, 404006},
			{"", false, amqpserver.CondNotFound, 404006},
			{serviceAddress, false, amqpserver.CondNotFound, 404006},
			{feedbackAddress, true, amqpserver.CondNotFound, 404006},
			{deviceAddress, true, amqpserver.CondNotFound, 404006},
			{eventsAddress, false, amqpserver.CondNotFound, 404006},
			{"/devices/nobody/messages/devicebound", false, amqpserver.CondNotFound, 404001},
			{"/devices/nobody/messages/events", true, amqpserver.CondNotFound, 404001},
			{"/devices/nobody/modules/m/messages/events", true, amqpserver.CondNotFound, 404001},
			{"/devices/nobody/twin", false, amqpserver.CondNotFound, 404001},
			{"/messages/servicebound/filenotifications", false, amqpserver.CondNotImplemented, 501001},
		} {
			a := rawclient.ReceiverAttach(9, test.address)
			if test.sends {
				a = rawclient.SenderAttach(9, test.address)
			}
			wantHubError(t, c.WantRefused(a, test.condition), test.code)
		}
		// Without termini there is no address.
		c.WantRefused(&amqpwire.Attach{Name: "x", Handle: 9, Role: amqpwire.RoleSender}, amqpserver.CondNotFound)
		c.WantRefused(&amqpwire.Attach{Name: "x", Handle: 9, Role: amqpwire.RoleReceiver}, amqpserver.CondNotFound)
		// A handle of a refused link is taken until the client has answered.
		c.Send(0, rawclient.SenderAttach(9, "/no"))
		want[*amqpwire.Attach](c)
		want[*amqpwire.Detach](c)
		c.Credit(9, 0, 10)
		c.transfer(&amqpwire.Transfer{Handle: 9}, c2d("lost"))
		c.WantNothing()
		c.Send(0, &amqpwire.Detach{Handle: 9, Closed: true})
		c.Sender(9, serviceAddress)
	})
}
