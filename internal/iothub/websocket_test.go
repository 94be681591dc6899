package iothub_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/defaults"
)

// TestWebSocketQuery wants a hub to be asked for no certificate by those who
// have none to show.
func TestWebSocketQuery(t *testing.T) {
	t.Parallel()
	for rest, want := range map[string]string{
		deviceKey + defaults.Key().Base64(): "iothub-no-client-cert=true",
		x509Device:                          "",
	} {
		asked := make(chan string, 1)
		server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			asked <- r.URL.RawQuery
		}))
		pool := x509.NewCertPool()
		pool.AddCert(server.Certificate())
		options := &iothub.Options{Protocol: iothub.AMQPWS, TLS: &tls.Config{RootCAs: pool}}
		cs := parse(t, "HostName="+server.Listener.Addr().String()+";"+rest)
		if _, err := iothub.DialDevice(t.Context(), cs, options); err == nil {
			t.Error("connected to no hub")
		}
		server.Close()
		if got := <-asked; got != want {
			t.Errorf("%s: query = %q, want %q", cs, got, want)
		}
	}
}
