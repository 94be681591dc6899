package localhub

import (
	"testing"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// TestTwinAndMethods checks that their links are attached, that requests fail
// by themselves, and that the device's messages go on.
func TestTwinAndMethods(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		const twin, methods = "/devices/dev1/twin", "/devices/dev1/methods/devicebound"
		c := w.device("dev1")
		c.Sender(2, twin)
		request := &amqpwire.Message{
			Annotations: amqpwire.Map{{Key: "operation", Value: "GET"}},
			Properties:  &amqpwire.Properties{CorrelationID: "id1"},
			Data:        [][]byte{[]byte(" ")},
		}
		// Nobody hears of the reply to this one.
		c.transfer(&amqpwire.Transfer{Handle: 2, Settled: true}, request)
		c.WantNothing()

		c.Receiver(3, twin)
		c.Credit(3, 0, 10)
		c.transfer(&amqpwire.Transfer{Handle: 2, DeliveryID: new(uint32(1)), Settled: true}, request)
		reply, payload := c.WantTransfer()
		m := rawclient.Decode(t, payload)
		if reply.Handle != 3 || m.Properties.CorrelationID != "id1" {
			t.Errorf("reply %+v, %+v", reply, m.Properties)
		}
		if len(m.Annotations) != 1 || m.Annotations[0] != (amqpwire.Pair{Key: amqpwire.Symbol("status"), Value: int32(501)}) {
			t.Errorf("annotations %v, want the status 501", m.Annotations)
		}
		if got := string(m.Data[0]); got != `"The local hub does not emulate twins."` {
			t.Errorf("body %s", got)
		}
		c.Settle(*reply.DeliveryID, &amqpwire.Accepted{})

		c.Sender(4, methods)
		c.Receiver(5, methods)
		c.Credit(5, 0, 10)
		c.transfer(&amqpwire.Transfer{Handle: 4, DeliveryID: new(uint32(2))}, request)
		d := want[*amqpwire.Disposition](c)
		refused, _ := d.State.(*amqpwire.Rejected)
		if refused == nil {
			t.Fatalf("%+v, want rejected", d)
		}
		wantHubError(t, rawclient.WantCondition(t, "rejected", refused.Error, amqpserver.CondNotImplemented), 501001)

		c.Receiver(6, deviceAddress)
		c.Credit(6, 0, 10)
		w.enqueue("m1")
		if delivered, _ := c.WantTransfer(); delivered.Handle != 6 {
			t.Errorf("%+v, want handle 6", delivered)
		}
		c.WantNothing()
	})
}

// TestTwinPermission checks that twin and methods are the device's own.
func TestTwinPermission(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.device("dev1")
		for _, address := range []string{"/devices/dev2/twin", "/devices/dev2/methods/devicebound"} {
			c.WantRefused(rawclient.SenderAttach(9, address), amqpserver.CondUnauthorized)
			c.WantRefused(rawclient.ReceiverAttach(9, address), amqpserver.CondUnauthorized)
		}
	})
}
