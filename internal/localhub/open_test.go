package localhub

import (
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/amqpserver"
	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/defaults"
)

// gatewayFacts is what was observed on real hubs of each generation.
var gatewayFacts = map[Gateway]struct {
	container  string
	open       amqpwire.Open
	mechanisms []amqpwire.Symbol
	welcome    string
	beyond     uint16 // the first channel that is too high
	nextID     bool   // flow frames have next-incoming-id
}{
	GatewayV1: {
		`^DeviceGateway_[0-9a-f]{32}$`,
		amqpwire.Open{Hostname: "localhost", MaxFrameSize: new(uint32(65536)), ChannelMax: new(uint16(8191)), IdleTimeOut: new(uint32(240000))},
		[]amqpwire.Symbol{"EXTERNAL", "MSSBCBS", "ANONYMOUS", "PLAIN"},
		"Welcome!", 8192, true,
	},
	GatewayV2: {
		`^[0-9a-f]{32}$`,
		amqpwire.Open{MaxFrameSize: new(uint32(65535)), ChannelMax: new(uint16(1024)), IdleTimeOut: new(uint32(240000))},
		[]amqpwire.Symbol{"PLAIN", "ANONYMOUS", "MSSBCBS", "EXTERNAL"},
		"", 1025, false,
	},
}

// perGateway runs a test for each generation.
func perGateway(t *testing.T, f func(t *testing.T, g Gateway)) {
	t.Helper()
	for g := range gatewayFacts {
		t.Run(string(g), func(t *testing.T) { f(t, g) })
	}
}

func TestOpenBeginAttachReplies(t *testing.T) {
	t.Parallel()
	perGateway(t, func(t *testing.T, g Gateway) {
		inWorld(t, Options{Gateway: g}, func(t *testing.T, w *world) {
			facts := gatewayFacts[g]
			c := w.connect()
			open := c.Open(&amqpwire.Open{ContainerID: "raw"})
			if !regexp.MustCompile(facts.container).MatchString(open.ContainerID) {
				t.Errorf("container id %q, want %s", open.ContainerID, facts.container)
			}
			open.ContainerID = ""
			if diff := cmp.Diff(&facts.open, open); diff != "" {
				t.Errorf("open (-want +got):\n%s", diff)
			}

			begin := c.Begin(7, 1234)
			wantBegin := &amqpwire.Begin{
				RemoteChannel: new(uint16(7)), NextOutgoingID: 1,
				IncomingWindow: 5000, OutgoingWindow: 1234, HandleMax: new(uint32(262143)),
			}
			if diff := cmp.Diff(wantBegin, begin); diff != "" {
				t.Errorf("begin (-want +got):\n%s", diff)
			}

			properties := amqpwire.Map{{Key: amqpwire.Symbol("com.microsoft:client-version"), Value: "raw/1.0"}}
			c.Send(7, &amqpwire.Attach{
				Name: "$cbs-sender", Handle: 3, Role: amqpwire.RoleSender,
				Source:               &amqpwire.Source{Address: "me", Durable: 2, Timeout: 60},
				Target:               &amqpwire.Target{Address: "$cbs", Durable: 2},
				InitialDeliveryCount: new(uint32(5)), Properties: properties,
			})
			wantAttach := &amqpwire.Attach{
				Name: "$cbs-sender", Handle: 3, Role: amqpwire.RoleReceiver,
				Source: &amqpwire.Source{Address: "me"}, Target: &amqpwire.Target{Address: "$cbs"},
				MaxMessageSize: new(uint64(1048576)), Properties: properties,
			}
			if diff := cmp.Diff(wantAttach, want[*amqpwire.Attach](c)); diff != "" {
				t.Errorf("attach (-want +got):\n%s", diff)
			}
			wantFlow := &amqpwire.Flow{
				IncomingWindow: 5000, NextOutgoingID: 1, OutgoingWindow: 1234,
				Handle: new(uint32(3)), DeliveryCount: new(uint32(5)), LinkCredit: new(uint32(100)), Available: new(uint32),
			}
			if facts.nextID {
				wantFlow.NextIncomingID = new(uint32)
			}
			if diff := cmp.Diff(wantFlow, want[*amqpwire.Flow](c)); diff != "" {
				t.Errorf("flow (-want +got):\n%s", diff)
			}

			receiver := rawclient.ReceiverAttach(4, "$cbs")
			c.Send(7, receiver)
			reply := want[*amqpwire.Attach](c)
			if reply.InitialDeliveryCount == nil || *reply.InitialDeliveryCount != 0 || reply.Role != amqpwire.RoleSender {
				t.Errorf("attach = %+v, want a sender with the initial delivery count 0", reply)
			}
			c.WantNothing()
		})
	})
}

func TestSASLMechanisms(t *testing.T) {
	t.Parallel()
	perGateway(t, func(t *testing.T, g Gateway) {
		for _, m := range []amqpwire.Symbol{"ANONYMOUS", "EXTERNAL", "MSSBCBS"} {
			t.Run(string(m), func(t *testing.T) {
				inWorld(t, Options{Gateway: g}, func(t *testing.T, w *world) {
					c := w.connect()
					outcome := c.sasl(g, &amqpwire.SASLInit{Mechanism: m, InitialResponse: []byte("anonymous")})
					if outcome.Code != amqpwire.SASLOK || string(outcome.AdditionalData) != gatewayFacts[g].welcome {
						t.Fatalf("outcome = %+v, want ok with %q", outcome, gatewayFacts[g].welcome)
					}
					c.Open(&amqpwire.Open{ContainerID: "raw"})
					// It proves nothing: without a token there are no links.
					c.Begin(0, 5000)
					c.WantRefused(rawclient.SenderAttach(0, serviceAddress), amqpserver.CondUnauthorized)
				})
			})
		}
	})
}

// sasl goes through the SASL layer and returns its outcome.
func (c *raw) sasl(g Gateway, init *amqpwire.SASLInit) *amqpwire.SASLOutcome {
	c.T.Helper()
	offer, outcome := c.SASL(init)
	if diff := cmp.Diff(gatewayFacts[g].mechanisms, offer); diff != "" {
		c.T.Errorf("mechanisms (-want +got):\n%s", diff)
	}
	return outcome
}

func TestSASLPlain(t *testing.T) {
	t.Parallel()
	service := func() string { return token("service", testHost, time.Hour) }
	device := func() string { return token("", testHost+"/devices/dev1", time.Hour) }
	for _, test := range []struct {
		name, user string
		password   func() string
		works      string // an address that may be received from; empty: refused
	}{
		{"service", "service@sas.root.myhub", service, feedbackAddress},
		{"device", "dev1@sas.myhub", device, deviceAddress},
		{"device, wider token", "dev2@sas.myhub", func() string { return token("", testHost+"/devices/dev2", time.Hour) }, "/devices/dev2/messages/devicebound"},
		{"other device", "dev2@sas.myhub", device, ""},
		{"other policy", "iothubowner@sas.root.myhub", service, ""},
		{"device with a service's token", "dev1@sas.myhub", service, ""},
		{"service with a device's token", "service@sas.root.myhub", device, ""},
		{"empty policy", "@sas.root.myhub", device, ""},
		{"empty device", "@sas.myhub", device, ""},
		{"no hub", "dev1", device, ""},
		{"no hub, service", "service", service, ""},
		{"expired", "service@sas.root.myhub", func() string { return token("service", testHost, -time.Hour) }, ""},
		{"no token", "service@sas.root.myhub", func() string { return defaults.Key().Base64() }, ""},
		{"one part more", "service@sas.root.myhub", func() string { return service() + "\x00" }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.connect()
				response := "\x00" + test.user + "\x00" + test.password()
				outcome := c.sasl(GatewayV2, &amqpwire.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte(response)})
				if test.works == "" {
					if outcome.Code != amqpwire.SASLAuth {
						t.Errorf("outcome = %+v, want auth", outcome)
					}
					c.WantEnd()
					return
				}
				if outcome.Code != amqpwire.SASLOK {
					t.Fatalf("outcome = %+v, want ok", outcome)
				}
				c.Open(&amqpwire.Open{ContainerID: "raw"})
				c.Begin(0, 5000)
				c.Receiver(0, test.works)
			})
		})
	}
}

func TestSASLRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		init amqpwire.SASLInit
	}{
		{"unknown mechanism", amqpwire.SASLInit{Mechanism: "SCRAM-SHA-256"}},
		{"empty mechanism", amqpwire.SASLInit{}},
		{"PLAIN without response", amqpwire.SASLInit{Mechanism: "PLAIN"}},
		{"PLAIN, two parts", amqpwire.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("a\x00b")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.connect()
				if got := c.sasl(GatewayV2, &test.init); got.Code != amqpwire.SASLAuth {
					t.Errorf("outcome = %+v, want auth", got)
				}
				c.WantEnd()
			})
		})
	}
}

// TestBeforeOpen checks what the hub does with frames out of place.
func TestBeforeOpen(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		do   func(c *raw)
	}{
		{"begin instead of open", func(c *raw) {
			c.SendHeader(amqpwire.HeaderAMQP)
			c.Next()
			c.Send(0, &amqpwire.Begin{})
		}},
		{"heartbeat instead of open", func(c *raw) {
			c.SendHeader(amqpwire.HeaderAMQP)
			c.Next()
			c.Send(0, nil)
		}},
		{"open instead of init", func(c *raw) {
			c.SendHeader(amqpwire.HeaderSASL)
			c.Next()
			want[*amqpwire.SASLMechanisms](c)
			c.Send(0, &amqpwire.Open{})
		}},
		{"SASL twice", func(c *raw) {
			c.sasl(GatewayV2, &amqpwire.SASLInit{Mechanism: "ANONYMOUS"})
			c.SendHeader(amqpwire.HeaderSASL)
			c.Next()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.connect()
				test.do(c)
				c.WantEnd()
			})
		})
	}
}
