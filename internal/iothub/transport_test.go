package iothub_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// transport is how both ends connect to a hub at an address: by which protocol,
// with which credential.
type transport struct {
	name    string
	service func(t *testing.T, hub *localhub.Hub, address string) (sas.ConnectionString, *iothub.Options)
	device  func(t *testing.T, hub *localhub.Hub, address string) (sas.ConnectionString, *iothub.Options)
}

// secure returns a connection string without UseDevelopmentEmulator, for a hub
// that is reached over TLS by the name in its certificate.
func secure(t *testing.T, address, rest string) sas.ConnectionString {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, "HostName=localhost:"+port+";"+rest)
}

const (
	serviceKey = "SharedAccessKeyName=service;SharedAccessKey="
	deviceKey  = "DeviceId=dev1;SharedAccessKey="
)

func trust(hub *localhub.Hub) *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(hub.CACertificate())
	return &tls.Config{RootCAs: pool}
}

func transports() []transport {
	key := defaults.Key().Base64()
	plain := func(o iothub.Options) transport {
		return transport{
			service: func(t *testing.T, _ *localhub.Hub, address string) (sas.ConnectionString, *iothub.Options) {
				return serviceString(t, address), &o
			},
			device: func(t *testing.T, _ *localhub.Hub, address string) (sas.ConnectionString, *iothub.Options) {
				return deviceString(t, address, "dev1"), &o
			},
		}
	}
	overTLS := func(o iothub.Options, service, device string) transport {
		end := func(rest string) func(*testing.T, *localhub.Hub, string) (sas.ConnectionString, *iothub.Options) {
			return func(t *testing.T, hub *localhub.Hub, address string) (sas.ConnectionString, *iothub.Options) {
				o := o
				o.TLS = trust(hub)
				if device == x509Device && rest == device {
					o.TLS.Certificates = []tls.Certificate{clientCertificate}
				}
				return secure(t, address, rest), &o
			}
		}
		return transport{service: end(service), device: end(device)}
	}
	proxied := func(protocol iothub.Protocol) transport {
		w := overTLS(iothub.Options{Protocol: protocol}, serviceKey+key, deviceKey+key)
		through := func(end func(*testing.T, *localhub.Hub, string) (sas.ConnectionString, *iothub.Options)) func(*testing.T, *localhub.Hub, string) (sas.ConnectionString, *iothub.Options) {
			return func(t *testing.T, hub *localhub.Hub, address string) (sas.ConnectionString, *iothub.Options) {
				cs, o := end(t, hub, address)
				o.Proxy = &url.URL{Scheme: "http", Host: startProxy(t, "user", "pass word"), User: url.UserPassword("user", "pass word")}
				return cs, o
			}
		}
		return transport{service: through(w.service), device: through(w.device)}
	}
	named := func(name string, w transport) transport { w.name = name; return w }
	soon := time.Now().Add(time.Hour)
	readyMade := func(resource, policy string) string {
		return "SharedAccessSignature=" + sas.NewToken(defaults.Key(), resource, policy, soon).Reveal()
	}
	return []transport{
		named("tcp", plain(iothub.Options{})),
		named("tls", overTLS(iothub.Options{}, serviceKey+key, deviceKey+key)),
		named("ws", plain(iothub.Options{Protocol: iothub.AMQPWS})),
		named("wss", overTLS(iothub.Options{Protocol: iothub.AMQPWS}, serviceKey+key, deviceKey+key)),
		named("tls by proxy", proxied(iothub.AMQP)),
		named("wss by proxy", proxied(iothub.AMQPWS)),
		named("x509", overTLS(iothub.Options{}, serviceKey+key, x509Device)),
		named("x509 wss", overTLS(iothub.Options{Protocol: iothub.AMQPWS}, serviceKey+key, x509Device)),
		named("ready-made token", overTLS(iothub.Options{},
			"SharedAccessKeyName=service;"+readyMade("localhost", "service"), "DeviceId=dev1;"+readyMade("localhost/devices/dev1", ""))),
		named("policy key as device", overTLS(iothub.Options{}, serviceKey+key, "DeviceId=dev1;SharedAccessKeyName=device;SharedAccessKey="+key)),
	}
}

// TestEveryTransport sends a message round over each transport, with each kind of
// credential, on both generations of gateway.
func TestEveryTransport(t *testing.T) {
	t.Parallel()
	for _, gateway := range []localhub.Gateway{localhub.GatewayV1, localhub.GatewayV2} {
		for _, w := range transports() {
			t.Run(string(gateway)+"/"+w.name, func(t *testing.T) {
				t.Parallel()
				hub, address := startHub(t, &localhub.Options{
					Gateway: gateway,
					Devices: []localhub.Device{{ID: "dev1", Key: defaults.Key(), Thumbprints: []string{thumbprint(clientCertificate)}}},
				})
				goRound(t, w, hub, address)
			})
		}
	}
}

func goRound(t *testing.T, w transport, hub *localhub.Hub, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cs, options := w.service(t, hub, address)
	service, err := iothub.DialService(ctx, cs, options)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close(ctx)
	feedback, err := service.ReceiveFeedback(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cs, options = w.device(t, hub, address)
	device, err := iothub.DialDevice(ctx, cs, options)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close(ctx)
	body := bytes.Repeat([]byte("0123456789"), 6500) // more than some buffers on the way
	if err := service.Send(ctx, "dev1", &iothub.Message{ID: "m", Body: body, Ack: iothub.AckFull}); err != nil {
		t.Fatal(err)
	}
	d, err := device.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(d.Body, body) {
		t.Errorf("got a body of %d bytes, want the %d that were sent", len(d.Body), len(body))
	}
	if err := d.Complete(ctx); err != nil {
		t.Fatal(err)
	}
	batch, err := feedback.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := batch.Records[0]; got.MessageID != "m" || got.Status != iothub.Success {
		t.Errorf("feedback = %+v, want Success of m", got)
	}
}

// x509Device is the rest of the connection string of a device with a
// certificate.
const x509Device = "DeviceId=dev1;x509=true"

// clientCertificate is the device's.
var clientCertificate = newCertificate("dev1")

func newCertificate(name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func thumbprint(c tls.Certificate) string {
	sum := sha256.Sum256(c.Certificate[0])
	return hex.EncodeToString(sum[:])
}
