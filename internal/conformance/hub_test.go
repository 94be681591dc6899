package conformance_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"iothub-c2d/internal/conformance"
	"iothub-c2d/internal/faultnet"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// world is a local hub in a synctest bubble, where ten minutes pass in a moment.
type world struct {
	t      testing.TB
	hub    *localhub.Hub
	target conformance.Target
	served sync.WaitGroup
}

// hostName is what Azure calls a hub.
const hostName = "contoso-7f3a.azure-devices.net"

// inWorld runs a test against a hub as Azure has it: with TLS, the usual ports,
// feedback every 15 s, and strings without a development flag.
func inWorld(t *testing.T, options localhub.Options, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		options.HostName = cmp.Or(options.HostName, hostName)
		hub, err := localhub.New(&options)
		if err != nil {
			t.Fatal(err)
		}
		w := &world{t: t, hub: hub}
		w.target = conformance.Target{
			Service: sas.ConnectionString{HostName: hostName, KeyName: "iothubowner", Key: defaults.Key()},
			CAs:     x509.NewCertPool(), Dial: w.dial,
		}
		w.target.CAs.AppendCertsFromPEM(hub.CACertificate())
		f(t, w)
		hub.Close()
		w.served.Wait()
	})
}

func (w *world) dial(context.Context, string, string) (net.Conn, error) {
	near, far := faultnet.Pipe(1 << 16)
	w.served.Go(func() { w.hub.ServeConn(far) })
	return near, nil
}

// tls returns a connection for a client that needs no more than a stream.
func (w *world) tls(ctx context.Context) (net.Conn, error) {
	c, _ := w.dial(ctx, "", "")
	secured := tls.Client(c, &tls.Config{ServerName: hostName, RootCAs: w.target.CAs})
	return secured, secured.HandshakeContext(ctx)
}

// plain makes the clients do without TLS, so that a proxy can read what they say.
func (w *world) plain() {
	w.target.Service.HostName, w.target.Service.UseDevelopmentEmulator = "localhost", true
}

func (w *world) run(options *conformance.Options) *conformance.Report {
	w.t.Helper()
	report, err := conformance.Run(w.t.Context(), w.target, options)
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// TestLocalHub holds every belief against the local hub, over each transport and
// gateway.
func TestLocalHub(t *testing.T) {
	t.Parallel()
	for _, protocol := range []iothub.Protocol{iothub.AMQP, iothub.AMQPWS} {
		for _, gateway := range []localhub.Gateway{localhub.GatewayV1, localhub.GatewayV2} {
			t.Run(string(protocol)+" "+string(gateway), func(t *testing.T) {
				t.Parallel()
				inWorld(t, localhub.Options{Gateway: gateway, FeedbackInterval: faithful}, func(t *testing.T, w *world) {
					w.target.Protocol = protocol
					report := w.run(nil)
					for _, r := range report.Results {
						if r.Verdict != conformance.Holds {
							t.Errorf("%s: %s: %s%s, want %s\n%s", r.Belief, r.Verdict, r.Hub, r.Why, r.Local, strings.Join(r.Trace[max(0, len(r.Trace)-12):], "\n"))
						}
					}
					if without := strings.Contains(report.Front, "without"); without != (gateway == localhub.GatewayV2) {
						t.Errorf("the front end is said to be: %s", report.Front)
					}
					t.Logf("%d beliefs, %d messages in %s", len(report.Results), report.Messages, report.Took)
				})
			})
		}
	}
}
