package localhub

import (
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

// TestPreSettled checks a receiver that wants no settlement: what is sent is
// complete.
func TestPreSettled(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.device("dev1")
		a := rawclient.ReceiverAttach(0, deviceAddress)
		a.SndSettleMode = new(amqpwire.SenderSettled)
		c.Send(0, a)
		if reply := want[*amqpwire.Attach](c); *reply.SndSettleMode != amqpwire.SenderSettled {
			t.Errorf("attach %+v, want the settle mode echoed", reply)
		}
		w.enqueue("m1", "m2")
		c.Credit(0, 0, 1)
		transfer, _ := c.WantTransfer()
		if !transfer.Settled {
			t.Errorf("transfer %+v, want it settled", transfer)
		}
		c.WantNothing()
		c.Settle(*transfer.DeliveryID, &amqpwire.Released{}) // too late
		c.WantNothing()
		if got := w.queueOf("dev1").Len(); got != 1 {
			t.Errorf("%d messages pending, want 1", got)
		}
	})
}

// TestDeliveredMessage checks what the device gets: the message as it was sent,
// with the hub's stamps and nobody else's.
func TestDeliveredMessage(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		expiry := amqpwire.NewTimestamp(time.Now().Add(10 * time.Minute))
		m := &amqpwire.Message{
			Header:              &amqpwire.Header{Durable: true, DeliveryCount: 7},
			DeliveryAnnotations: amqpwire.Map{{Key: amqpwire.Symbol("hop"), Value: "one"}},
			Annotations: amqpwire.Map{
				{Key: amqpwire.Symbol("x-opt-sequence-number"), Value: int32(99)},
				{Key: amqpwire.Symbol("dt-subject"), Value: "kept"},
			},
			Properties: &amqpwire.Properties{
				MessageID: amqpwire.UUID{1}, CorrelationID: uint64(7), UserID: []byte("user"),
				To: "/devices/dev1/messages/deviceBound", ContentType: "application/json", ContentEncoding: "utf-8",
				AbsoluteExpiryTime: &expiry,
			},
			ApplicationProperties: amqpwire.Map{{Key: "iothub-ack", Value: "full"}, {Key: "n", Value: int32(1)}},
			Data:                  [][]byte{[]byte("one"), []byte("two")},
		}
		back := w.service()
		back.Sender(0, serviceAddress)
		back.transfer(&amqpwire.Transfer{}, m)
		want[*amqpwire.Disposition](back)
		enqueued := amqpwire.NewTimestamp(time.Now())
		c := w.listening(10)
		for count := range 3 {
			transfer, payload := c.WantTransfer()
			if len(transfer.DeliveryTag) != 16 || *transfer.MessageFormat != 0 || transfer.Settled {
				t.Errorf("transfer %+v, want a tag of 16 bytes, format 0, unsettled", transfer)
			}
			wanted := *m
			wanted.Header, wanted.DeliveryAnnotations = nil, nil
			wanted.Annotations = amqpwire.Map{
				{Key: amqpwire.Symbol("dt-subject"), Value: "kept"},
				{Key: amqpwire.Symbol("x-opt-sequence-number"), Value: uint64(1)},
				{Key: amqpwire.Symbol("iothub-enqueuedtime"), Value: enqueued},
				{Key: amqpwire.Symbol("iothub-deliverycount"), Value: uint8(count)},
			}
			if diff := diffMessages(&wanted, rawclient.Decode(t, payload)); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
			time.Sleep(time.Second)
			c.Settle(*transfer.DeliveryID, &amqpwire.Released{})
		}
	})
}
