package localhub_test

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"

	"iothub-c2d/internal/localhub"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// TestTwoKeysOverHTTP takes either key, before and after one is changed.
func TestTwoKeysOverHTTP(t *testing.T) {
	t.Parallel()
	r, _ := newRest(t, localhub.Options{})
	keys := keysOf(t, r.want(200, "PUT", "/devices/d", `{}`).object(t))
	const path = "/devices/d/messages/devicebound"
	for _, key := range keys {
		r.asDevice("d", key).want(204, "GET", path, "")
	}
	other := sas.NewKey([]byte("0123456789abcdef"))
	r.want(200, "PUT", "/devices/d", `{"authentication":{"symmetricKey":{"primaryKey":"`+other.Base64()+`"}}}`, "If-Match", "*")
	r.asDevice("d", keys[0]).do("GET", path, "").wantRefused(t, "the old key", 401, "IotHubUnauthorizedAccess")
	r.asDevice("d", keys[1]).want(204, "GET", path, "")
	r.asDevice("d", other).want(204, "GET", path, "")
}

// TestDisabledOverHTTP refuses a device until it is enabled.
func TestDisabledOverHTTP(t *testing.T) {
	t.Parallel()
	r, _ := newRest(t, localhub.Options{})
	device := r.asDevice("dev1", defaults.Key())
	device.want(204, "GET", inbox, "")
	r.want(200, "PUT", "/devices/dev1", `{"status":"disabled"}`, "If-Match", "*")
	for _, client := range []rest{device, r} { // a policy's token, too
		for _, o := range [][2]string{{"GET", inbox}, {"DELETE", inbox + "/x"}, {"POST", "/devices/dev1/messages/events"}, {"GET", "/devices/dev1/modules/m/messages/devicebound"}} {
			a := client.do(o[0], o[1], "")
			a.wantRefused(t, o[0]+o[1], 401, "IotHubUnauthorizedAccess")
			if !strings.Contains(a.body, "Device dev1 is disabled.") {
				t.Errorf("%s does not say why", a.body)
			}
		}
	}
	r.want(200, "PUT", "/devices/dev1", `{"status":"enabled"}`, "If-Match", "*")
	device.want(204, "GET", inbox, "")
}

// TestX509OverHTTP logs in by certificate: one that is registered while the
// connection is open, and one of a CA.
func TestX509OverHTTP(t *testing.T) {
	t.Parallel()
	root := newPaper(t, "Root", nil, isCA)
	own, signed := newPaper(t, "any", nil, nil), newPaper(t, "d2", root, nil)
	cas := x509.NewCertPool()
	cas.AddCert(root.Leaf)
	l := overLoopback(t, localhub.Options{ClientCAs: cas})
	r := restOf(t, l, https)
	with := func(p *paper) rest {
		return restOf(t, l, route{name: "https", tls: &tls.Config{
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &p.Certificate, nil },
		}}).as("")
	}
	bearer := with(own)
	const path = "/devices/d1/messages/devicebound"
	a := bearer.do("GET", path, "")
	a.wantRefused(t, "before it is registered", 401, "IotHubUnauthorizedAccess")
	if !strings.Contains(a.body, "is not that of a registered device") {
		t.Errorf("%s does not say why", a.body)
	}
	r.want(200, "PUT", "/devices/d1", `{"authentication":{"type":"selfSigned","x509Thumbprint":{"primaryThumbprint":"`+strings.ToUpper(own.sha1())+`"}}}`)
	bearer.want(204, "GET", path, "")
	bearer.do("GET", "/devices/d1", "").wantRefused(t, "the registry", 401, "IotHubUnauthorizedAccess")
	bearer.do("GET", "/devices/d1/modules/m/messages/devicebound", "").wantRefused(t, "a module", 401, "IotHubUnauthorizedAccess")
	r.want(200, "PUT", "/devices/d1", `{"status":"disabled"}`, "If-Match", "*")
	if a := bearer.do("GET", path, ""); !strings.Contains(a.body, "is for d1, which is disabled") {
		t.Errorf("%s does not say that the device is disabled", a.body)
	}

	r.want(200, "PUT", "/devices/d2", `{"authentication":{"type":"certificateAuthority"}}`)
	with(signed).want(204, "GET", "/devices/d2/messages/devicebound", "")
	with(signed).do("GET", path, "").wantRefused(t, "another device", 401, "IotHubUnauthorizedAccess")
	r.want(200, "PUT", "/devices/d2", `{"authentication":{"type":"sas"}}`, "If-Match", "*")
	with(signed).do("GET", "/devices/d2/messages/devicebound", "").wantRefused(t, "a device with keys", 401, "IotHubUnauthorizedAccess")
}
