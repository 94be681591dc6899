package amqpserver

import (
	"errors"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options   Options
		container string
		want      amqpwire.Open
	}{
		"defaults": {
			Options{},
			`^[0-9a-f]{32}$`,
			amqpwire.Open{MaxFrameSize: new(uint32(65536)), ChannelMax: new(uint16(1023)), IdleTimeOut: new(uint32(240_000))},
		},
		"options": {
			Options{ContainerPrefix: "gate_", Hostname: "localhost", MaxFrameSize: 4096, ChannelMax: 9, IdleTimeout: time.Second},
			`^gate_[0-9a-f]{32}$`,
			amqpwire.Open{Hostname: "localhost", MaxFrameSize: new(uint32(4096)), ChannelMax: new(uint16(9)), IdleTimeOut: new(uint32(1000))},
		},
		"small frames": {
			Options{MaxFrameSize: 1},
			``,
			amqpwire.Open{MaxFrameSize: new(uint32(512)), ChannelMax: new(uint16(1023)), IdleTimeOut: new(uint32(240_000))},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, test.options, func(t *testing.T, w *world) {
				open := w.connect().Open(&amqpwire.Open{ContainerID: "raw"})
				if !regexp.MustCompile(test.container).MatchString(open.ContainerID) {
					t.Errorf("container id %q, want %s", open.ContainerID, test.container)
				}
				open.ContainerID = ""
				if diff := cmp.Diff(&test.want, open); diff != "" {
					t.Errorf("open (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestSASL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		init amqpwire.SASLInit
		why  string // it is refused; empty: it is not
	}{
		{"anonymous", amqpwire.SASLInit{Mechanism: "ANONYMOUS", InitialResponse: []byte("me")}, ""},
		{"plain", amqpwire.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("\x00user\x00secret")}, ""},
		{"wrong", amqpwire.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("\x00user\x00other")}, "handshake: amqp:unauthorized-access: Wrong password."},
		{"no response", amqpwire.SASLInit{Mechanism: "PLAIN"}, "Wrong password."},
		{"not offered", amqpwire.SASLInit{Mechanism: "EXTERNAL"}, `amqp:not-implemented: SASL mechanism "EXTERNAL" is not offered.`},
		{"empty", amqpwire.SASLInit{}, `SASL mechanism "" is not offered.`},
	} {
		t.Run(test.name, func(t *testing.T) {
			mechanisms := []amqpwire.Symbol{"PLAIN", "ANONYMOUS"}
			inWorld(t, Options{Mechanisms: mechanisms, Welcome: "Hello"}, func(t *testing.T, w *world) {
				c := w.connect()
				offer, outcome := c.SASL(&test.init)
				if !slices.Equal(offer, mechanisms) {
					t.Errorf("offered %q, want %q", offer, mechanisms)
				}
				if test.why != "" {
					if outcome.Code != amqpwire.SASLAuth || len(outcome.AdditionalData) > 0 {
						t.Errorf("outcome = %+v, want auth", outcome)
					}
					c.WantEnd()
					w.wantEnded(test.why)
					return
				}
				if outcome.Code != amqpwire.SASLOK || string(outcome.AdditionalData) != "Hello" {
					t.Fatalf("outcome = %+v, want ok, Hello", outcome)
				}
				c.Open(&amqpwire.Open{ContainerID: "raw"})
				c.Begin(0, 5000)
				c.Sender(0, "q")
			})
		})
	}
}

// TestBeforeOpen checks what the server does with frames out of place.
func TestBeforeOpen(t *testing.T) {
	t.Parallel()
	begin := func(c *client, h amqpwire.ProtocolHeader, body amqpwire.Performative) {
		c.SendHeader(h)
		c.Next()
		if h == amqpwire.HeaderSASL {
			rawclient.Want[*amqpwire.SASLMechanisms](c)
		}
		c.Send(0, body)
	}
	for _, test := range []struct {
		name string
		do   func(c *client)
		why  string
	}{
		{"begin", func(c *client) { begin(c, amqpwire.HeaderAMQP, &amqpwire.Begin{}) }, "*amqpwire.Begin where open is expected"},
		{"heartbeat", func(c *client) { begin(c, amqpwire.HeaderAMQP, nil) }, "<nil> where open is expected"},
		{"open instead of init", func(c *client) { begin(c, amqpwire.HeaderSASL, &amqpwire.Open{}) }, "*amqpwire.Open where sasl-init is expected"},
		{"SASL twice", func(c *client) {
			c.SASL(&amqpwire.SASLInit{Mechanism: "ANONYMOUS"})
			c.SendHeader(amqpwire.HeaderSASL)
			c.Next()
		}, "not AMQP 1.0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				c := w.connect()
				test.do(c)
				c.WantEnd()
				w.wantEnded(test.why)
			})
		})
	}
}

// TestOtherProtocol checks that a client with another header is told the right
// one, and the caller the wrong one.
func TestOtherProtocol(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.connect()
		rabbit := amqpwire.ProtocolHeader{'A', 'M', 'Q', 'P', 0, 0, 9, 1}
		c.SendHeader(rabbit)
		if got := c.Next().Header; got != amqpwire.HeaderAMQP {
			t.Errorf("header %q, want AMQP's", got[:])
		}
		c.WantEnd()
		w.wantEnded("handshake: not AMQP 1.0")
		var other HeaderError
		if !errors.As(w.ends[0], &other) || other.Header != rabbit {
			t.Errorf("error %v, want one that holds the header", w.ends[0])
		}
	})
}
