package localhub_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"iothub-c2d/internal/localhub"
)

// TestBulk carries out each operation by itself, as the SDKs send them.
func TestBulk(t *testing.T) {
	t.Parallel()
	r, _ := newRest(t, localhub.Options{})
	const done = `{"isSuccessful":true,"errors":[],"warnings":[]}` + "\n"
	for _, path := range []string{"/devices", "/devices/"} {
		id := "d" + fmt.Sprint(len(path))
		for _, body := range []string{
			`[{"id":"` + id + `","importMode":"create","authentication":{"type":"sas","symmetricKey":{"primaryKey":null}},"status":"Enabled"},{"id":"` + id + `","moduleId":"m","importMode":"create"}]`,
			`[{"id":"` + id + `","importMode":"Update","status":"disabled","statusReason":"x"}]`,
			`[{"id":"` + id + `","importMode":"UpdateIfMatchETag","etag":"\"*\"","status":"enabled"}]`,
			`[{"id":"` + id + `","status":"enabled","eTag":null}]`, // the C# SDK leaves out its default
			`[{"id":"` + id + `","importMode":"deleteIfMatchEtag","eTag":"*"}]`,
		} {
			if got := r.want(200, "POST", path, body); got.body != done {
				t.Errorf("%s: answered with %s", body, got.body)
			}
		}
		r.do("GET", "/devices/"+id, "").wantRefused(t, "deleted", 404, "DeviceNotFound")
	}
	failed := r.do("POST", "/devices", `[{"id":"dev1","importMode":"create"},{"id":"new","importMode":"create"},{"id":"none","moduleId":"m","importMode":"delete"},`+
		`{"id":"x","importMode":"updateTwin"},{"id":"a/b","importMode":"create"},{"importMode":"create"},{"id":"new","importMode":"updateIfMatchETag","eTag":"no"}]`)
	failed.wantBulkFailure(t)
	var got []string
	for _, e := range failed.object(t)["errors"].([]any) {
		e := e.(map[string]any)
		got = append(got, fmt.Sprint(e["deviceId"], " ", e["moduleId"], " ", e["errorCode"]))
	}
	want := []string{
		"dev1 <nil> DeviceAlreadyExists", "none m DeviceNotFound", "x <nil> ArgumentInvalid", "a/b <nil> ArgumentInvalid",
		" <nil> ArgumentInvalid", "new <nil> PreconditionFailed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	r.want(200, "GET", "/devices/new", "")
}

func (a answer) wantBulkFailure(t *testing.T) {
	t.Helper()
	if o := a.object(t); a.status != 400 || o["isSuccessful"] != false || a.header.Get("iothub-errorcode") != "BulkRegistryOperationFailure" ||
		!strings.HasPrefix(o["Message"].(string), "ErrorCode:BulkRegistryOperationFailure;6 of 7 ") {
		t.Errorf("answered with %d %v %s", a.status, a.header, a.body)
	}
}

// TestBulkLimits takes a hundred operations of any size that SDKs send, and no more.
func TestBulkLimits(t *testing.T) {
	t.Parallel()
	r, _ := newRest(t, localhub.Options{})
	operations := func(n int) string {
		var list []string
		for i := range n {
			id := fmt.Sprint(i, strings.Repeat("d", 120))
			list = append(list, `{"id":"`+id+`","importMode":"create","statusReason":"`+strings.Repeat("é", 128)+`","deviceScope":null,`+
				`"authentication":{"type":"sas","symmetricKey":{"primaryKey":null,"secondaryKey":null},"x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null}}}`)
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	r.want(200, "POST", "/devices", operations(100))
	if n := len(r.want(200, "GET", "/devices", "").list(t)); n != 101 {
		t.Errorf("%d devices, want 101", n)
	}
	for body, code := range map[string]string{operations(101): "ArgumentInvalid", "[]": "ArgumentInvalid", "{}": "ArgumentInvalid", "": "ArgumentInvalid"} {
		r.do("POST", "/devices", body).wantRefused(t, fmt.Sprintf("%.20s", body), 400, code)
	}
	r.do("POST", "/devices", "["+strings.Repeat(" ", 400<<10)+"]").wantRefused(t, "too long", 413, "MessageTooLarge")
}
