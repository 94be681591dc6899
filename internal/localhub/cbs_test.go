package localhub

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// TestCorrelationID checks that the reply has the id of the request, of the
// very type.
func TestCorrelationID(t *testing.T) {
	t.Parallel()
	for _, id := range []any{
		"a string", "", uint64(0), uint64(1 << 40),
		amqpwire.UUID{0xca, 0xfe, 15: 1},
		[]byte{0, 1, 2},
		nil,
	} {
		t.Run(fmt.Sprintf("%T %v", id, id), func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.begun()
				c.attachCBS()
				reply := c.request(putTokenRequest(token("service", testHost, time.Hour), id))
				if got := reply.Properties.CorrelationID; !reflect.DeepEqual(got, id) {
					t.Errorf("correlation id %T %v, want %T %v", got, got, id, id)
				}
				if got, _ := reply.ApplicationProperties.Get("status-code"); got != int32(200) {
					t.Errorf("status-code %T %v, want int32 200", got, got)
				}
				if got, _ := reply.ApplicationProperties.Get("status-description"); got != "OK" {
					t.Errorf("status-description %v, want OK", got)
				}
			})
		})
	}
}

func TestRequestWithoutProperties(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		c.attachCBS()
		request := putTokenRequest(token("service", testHost, time.Hour), nil)
		request.Properties = nil
		if reply := c.request(request); reply.Properties.CorrelationID != nil {
			t.Errorf("correlation id %v, want none", reply.Properties.CorrelationID)
		}
	})
}

// TestReplyOrder checks that the disposition comes first, and that the reply
// waits for credit, as replies to later requests do.
func TestReplyOrder(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		c.Sender(cbsSender, "$cbs")
		text := token("service", testHost, time.Hour)
		// No receiver yet: some clients are that fast.
		c.transfer(&amqpwire.Transfer{Handle: cbsSender}, putTokenRequest(text, "first"))
		disposition := want[*amqpwire.Disposition](c)
		if _, ok := disposition.State.(*amqpwire.Accepted); !ok || !disposition.Settled {
			t.Errorf("disposition %+v, want accepted and settled", disposition)
		}
		c.Receiver(cbsReceiver, "$cbs")
		c.transfer(&amqpwire.Transfer{Handle: cbsSender, DeliveryID: new(uint32(1))}, putTokenRequest(text, "second"))
		want[*amqpwire.Disposition](c)
		c.WantNothing()
		c.Credit(cbsReceiver, 0, 1)
		transfer, payload := c.WantTransfer()
		if got := rawclient.Decode(t, payload).Properties.CorrelationID; got != "first" || len(transfer.DeliveryTag) == 0 || transfer.Settled {
			t.Errorf("reply to %v: %+v, want an unsettled one to first", got, transfer)
		}
		c.WantNothing()
		c.Credit(cbsReceiver, 1, 1)
		_, payload = c.WantTransfer()
		if got := rawclient.Decode(t, payload).Properties.CorrelationID; got != "second" {
			t.Errorf("reply to %v, want to second", got)
		}
		// Settling twice, as the Node SDK does, changes nothing.
		c.Settle(0, &amqpwire.Accepted{})
		c.Settle(0, &amqpwire.Accepted{})
		c.WantAlive()
	})
}

// TestSettledRequest checks the C# SDK's way: nothing is acknowledged.
func TestSettledRequest(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		a := rawclient.SenderAttach(cbsSender, "$cbs")
		a.SndSettleMode = new(amqpwire.SenderSettled)
		c.Send(0, a)
		if reply := want[*amqpwire.Attach](c); reply.SndSettleMode == nil || *reply.SndSettleMode != amqpwire.SenderSettled {
			t.Errorf("attach %+v, want the settle mode echoed", reply)
		}
		want[*amqpwire.Flow](c)
		b := rawclient.ReceiverAttach(cbsReceiver, "$cbs")
		b.SndSettleMode = new(amqpwire.SenderSettled)
		c.Send(0, b)
		want[*amqpwire.Attach](c)
		c.Credit(cbsReceiver, 0, 50)
		request := putTokenRequest(token("service", testHost, time.Hour), "duplex1")
		request.ApplicationProperties[1].Value = "azure-devices.net:sastoken"
		request.ApplicationProperties = append(request.ApplicationProperties,
			amqpwire.Pair{Key: "expiration", Value: amqpwire.NewTimestamp(time.Now().Add(time.Hour))})
		c.transfer(&amqpwire.Transfer{Handle: cbsSender, Settled: true}, request)
		transfer, payload := c.WantTransfer()
		if !transfer.Settled {
			t.Errorf("reply %+v, want it settled", transfer)
		}
		if got, _ := rawclient.Decode(t, payload).ApplicationProperties.Get("status-code"); got != int32(200) {
			t.Errorf("status %v, want 200", got)
		}
		c.Receiver(1, feedbackAddress)
	})
}

func TestPutTokenRefusals(t *testing.T) {
	t.Parallel()
	wrongKey := sas.NewKey([]byte("wrong"))
	sign := func(key sas.Key, policy, resource string, life time.Duration) func() string {
		return func() string { return sas.NewToken(key, resource, policy, time.Now().Add(life)).Reveal() }
	}
	edit := func(f func(m *amqpwire.Message)) func(*amqpwire.Message) { return f }
	name := func(text string) func(*amqpwire.Message) {
		return func(m *amqpwire.Message) { m.ApplicationProperties[2].Value = text }
	}
	device := testHost + "/devices/dev1"
	for _, test := range []struct {
		name   string
		token  func() string
		edit   func(*amqpwire.Message)
		status int32
		text   string
	}{
		{"expired", sign(defaults.Key(), "service", testHost, -5*time.Minute), nil, 401, "expired at"},
		{"foreign hub", sign(defaults.Key(), "service", "other.azure-devices.net", time.Hour), nil, 401, `is for host "other.azure-devices.net"`},
		{"wrong key", sign(wrongKey, "service", testHost, time.Hour), nil, 401, "signed with another key"},
		{"wrong device key", sign(wrongKey, "", device, time.Hour), nil, 401, "signed with another key"},
		{"unknown policy", sign(defaults.Key(), "nobody", testHost, time.Hour), nil, 401, `no shared access policy "nobody"`},
		{"unknown device", sign(defaults.Key(), "", testHost+"/devices/Dev3", time.Hour), nil, 404, "Device Dev3 at IotHub " + testHost + " not registered."},
		{"hub without policy", sign(defaults.Key(), "", testHost, time.Hour), nil, 401, "neither a policy nor a device"},
		{"hub without policy, of an unknown device", sign(defaults.Key(), "", testHost, time.Hour), name(testHost + "/devices/dev3"), 404, "Device dev3 at IotHub " + testHost + " not registered."},
		{"hub without policy, of a device with another key", sign(wrongKey, "", testHost, time.Hour), name(device), 401, "signed with another key"},
		{"back end's endpoint without policy", sign(defaults.Key(), "", testHost+"/messages/devicebound", time.Hour), name(device), 401, "neither a policy nor a device"},
		{"too long", func() string { return strings.Repeat("x", 5000) }, nil, 401, "longer than 4096 bytes"},
		{"malformed", func() string { return "blah" }, nil, 401, "malformed"},
		{"empty", func() string { return "" }, nil, 401, "malformed"},
		{"not a string", sign(defaults.Key(), "service", testHost, time.Hour), edit(func(m *amqpwire.Message) { m.Value = int32(1) }), 400, "not a string"},
		{"no body", sign(defaults.Key(), "service", testHost, time.Hour), edit(func(m *amqpwire.Message) { m.Value = nil }), 400, "not a string"},
		{"operation", sign(defaults.Key(), "service", testHost, time.Hour), edit(func(m *amqpwire.Message) { m.ApplicationProperties[0].Value = "get-token" }), 400, "Unknown operation get-token"},
		{"token type", sign(defaults.Key(), "service", testHost, time.Hour), edit(func(m *amqpwire.Message) { m.ApplicationProperties[1].Value = "jwt" }), 400, "Unknown token type jwt"},
		{"no properties", sign(defaults.Key(), "service", testHost, time.Hour), edit(func(m *amqpwire.Message) { m.ApplicationProperties = nil }), 400, "Unknown operation"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.begun()
				c.attachCBS()
				request := putTokenRequest(test.token(), "id")
				if test.edit != nil {
					test.edit(request)
				}
				reply := c.request(request)
				status, _ := reply.ApplicationProperties.Get("status-code")
				text := reply.ApplicationProperties.String("status-description")
				if status != test.status || !strings.Contains(text, test.text) {
					t.Errorf("status %v %q, want %d %q", status, text, test.status, test.text)
				}
				if sig := "sig="; strings.Contains(text, sig) {
					t.Errorf("description %q holds a signature", text)
				}
				c.WantRefused(rawclient.ReceiverAttach(0, deviceAddress), amqpserver.CondUnauthorized)
				c.WantRefused(rawclient.ReceiverAttach(0, feedbackAddress), amqpserver.CondUnauthorized)
			})
		})
	}
}

// TestTokenForms checks tokens as the SDKs write them.
func TestTokenForms(t *testing.T) {
	t.Parallel()
	sign := func(sr, end string) string {
		se := fmt.Sprint(time.Now().Add(time.Hour).Unix())
		sig := defaults.Key().Sign(sr + "\n" + se)
		return fmt.Sprintf("SharedAccessSignature sr=%s&sig=%s&se=%s%s", sr, escapeBase64(sig), se, end)
	}
	for _, test := range []struct{ name, sr, end, works string }{
		{"service", testHost, "&skn=service", feedbackAddress},
		{"upper-case host", strings.ToUpper(testHost), "&skn=service", feedbackAddress},
		{"with port", testHost + ":5671", "&skn=service", feedbackAddress},
		{"with port, encoded", testHost + "%3A5671", "&skn=service", feedbackAddress},
		{"localhost", "localhost", "&skn=service", feedbackAddress},
		{"localhost with port", "localhost%3A15671", "&skn=iothubowner", feedbackAddress},
		{"below localhost", "myhub.localhost", "&skn=service", feedbackAddress},
		{"loopback", "127.0.0.1", "&skn=service", feedbackAddress},
		{"IPv6 loopback", "%5B%3A%3A1%5D%3A5671", "&skn=service", feedbackAddress},
		{"device, encoded", testHost + "%2Fdevices%2Fdev1", "", deviceAddress},
		{"device, lower hex", testHost + "%2fdevices%2fdev1", "", deviceAddress},
		{"device, raw", testHost + "/devices/dev1", "", deviceAddress},
		{"device, empty policy", testHost + "/devices/dev1", "&skn=", deviceAddress},
		{"device by policy", testHost + "%2Fdevices%2Fdev1", "&skn=device", deviceAddress},
		{"all devices by policy", testHost + "%2Fdevices", "&skn=device", deviceAddress},
		{"hub by policy", testHost, "&skn=device", deviceAddress},
		{"module by its device", testHost + "%2Fdevices%2Fdev1", "", "/devices/dev1/modules/mod1/messages/devicebound"},
		{"module", testHost + "%2Fdevices%2Fdev1%2Fmodules%2Fmod1", "", "/devices/dev1/modules/mod1/messages/devicebound"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.begun()
				c.putToken(sign(test.sr, test.end))
				c.Receiver(0, test.works)
			})
		})
	}
}

// TestTokenForTheHubAlone puts tokens of a device that name the hub and no more: the
// name of the request says whose they are, in the forms of the SDKs.
func TestTokenForTheHubAlone(t *testing.T) {
	t.Parallel()
	const module = "/devices/dev1/modules/m/messages/devicebound"
	for _, test := range []struct {
		name           string
		works, refused string
	}{
		{testHost + "/devices/dev1", deviceAddress, "/devices/dev2/messages/devicebound"},
		{testHost + "%2Fdevices%2Fdev1", deviceAddress, feedbackAddress},
		{testHost + "/DEVICES/DEV1", deviceAddress, "/devices/DEV1/messages/devicebound"},
		{"amqps://" + testHost + ":5671/devices/dev1", deviceAddress, "/devices/dev2/messages/devicebound"},
		{"gateway.example/devices/dev1/modules/m", module, deviceAddress},
		{testHost + "/devices/dev1/messages/events", deviceAddress, "/devices/dev2/messages/devicebound"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.begun()
				c.attachCBS()
				request := putTokenRequest(token("", testHost, time.Hour), "id")
				request.ApplicationProperties[2].Value = test.name
				if status, _ := c.request(request).ApplicationProperties.Get("status-code"); status != int32(200) {
					t.Fatalf("status %v", status)
				}
				c.Receiver(0, test.works)
				a := rawclient.ReceiverAttach(1, test.refused)
				c.WantRefused(a, amqpserver.CondUnauthorized)
			})
		})
	}
}

// TestTooManyTokensIsForbidden checks the status, which SDKs tell from that of a bad
// token.
func TestTooManyTokensIsForbidden(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.begun()
		c.attachCBS()
		c.Credit(cbsReceiver, 0, 2000)
		const maxTokens = 1000
		for i := range uint32(maxTokens + 1) {
			request := putTokenRequest(token("iothubowner", fmt.Sprint(testHost, "/devices/d", i), time.Hour), nil)
			c.transfer(&amqpwire.Transfer{Handle: cbsSender, DeliveryID: &i, Settled: true}, request)
			reply := c.Next()
			for reply.Frame.Payload == nil {
				reply = c.Next() // a flow
			}
			status, _ := rawclient.Decode(t, reply.Frame.Payload).ApplicationProperties.Get("status-code")
			if want := map[bool]int32{false: 200, true: 403}[i == maxTokens]; status != want {
				t.Fatalf("token %d: status %v, want %d", i, status, want)
			}
		}
	})
}

func escapeBase64(sig []byte) string {
	text := sas.NewKey(sig).Base64()
	return strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(text)
}

// TestTooManyReplies checks that a client that never asks for its replies
// cannot fill the memory.
func TestTooManyReplies(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.service()
		c.Sender(cbsSender, "$cbs")
		for i := range uint32(maxReplies + 1) {
			c.transfer(&amqpwire.Transfer{Handle: cbsSender, DeliveryID: &i}, putTokenRequest("bad", nil))
			d := wantAfterFlows[*amqpwire.Disposition](c)
			rejected, _ := d.State.(*amqpwire.Rejected)
			if got, want := rejected != nil, i == maxReplies; got != want {
				t.Fatalf("request %d: %+v", i, d.State)
			}
		}
	})
}
