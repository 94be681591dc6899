package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer is what the hub's REST API has answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// text names the status, and the hub's own name for an error.
func (a answer) text() string {
	text := strconv.Itoa(a.status)
	if name := a.header.Get("iothub-errorcode"); name != "" {
		text += " " + name
	}
	return text
}

// call is a request of the REST API.
type call struct {
	method, path  string // encoded
	body          string
	authorization string // a token
	version       string // of the API; empty: that of Microsoft's service SDKs
	headers       map[string]string
}

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 1 << 20

// request sends one request. What the hub refuses since it is too much is sent
// again.
func (r *run) request(ctx context.Context, tr *trace, c call) (answer, error) {
	for {
		a, err := r.requestOnce(ctx, tr, c)
		if err != nil || a.status != http.StatusTooManyRequests {
			return a, err
		}
		pause := throttlePause
		if n, err := strconv.Atoi(a.header.Get("Retry-After")); err == nil && n > 0 {
			pause = time.Duration(n) * time.Second
		}
		if err := sleep(ctx, pause); err != nil {
			return a, err
		}
	}
}

func (r *run) requestOnce(ctx context.Context, tr *trace, c call) (a answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, c.method, r.target.url("https", c.versioned()), strings.NewReader(c.body))
	if err != nil {
		return a, err
	}
	if c.authorization != "" {
		request.Header.Set("Authorization", c.authorization)
	}
	if c.body != "" {
		request.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	for name, value := range c.headers {
		request.Header.Set(name, value)
	}
	tr.add("-> %s %s", c.method, c.path)
	response, err := r.http.Do(request)
	if err != nil {
		return a, fmt.Errorf("%s request: %w", c.method, bare(err))
	}
	defer response.Body.Close() //nolint:errcheck // it is read to the end
	a = answer{status: response.StatusCode, header: response.Header}
	a.body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	tr.add("<- %s", a.text())
	return a, err
}

func (c call) versioned() string {
	separator, version := "?", c.version
	if strings.Contains(c.path, "?") {
		separator = "&"
	}
	if version == "" {
		version = "2021-04-12"
	}
	return c.path + separator + "api-version=" + version
}

// registry sends a request about devices, at the pace of the registry. The pairs
// are headers.
func (r *run) registry(ctx context.Context, tr *trace, method, path, body string, headers ...string) (answer, error) {
	if err := r.registryPace.wait(ctx); err != nil {
		return answer{}, err
	}
	c := r.registryCall(method, path, body)
	for i := 0; i+1 < len(headers); i += 2 {
		c.headers[headers[i]] = headers[i+1]
	}
	return r.request(ctx, tr, c)
}

func (r *run) registryCall(method, path, body string) call {
	return call{method: method, path: path, body: body, authorization: r.token().Reveal(), headers: make(map[string]string)}
}

// registry is that of the run; what fails ends the trial.
func (t *trial) registry(ctx context.Context, method, path, body string, headers ...string) answer {
	a, err := t.run.registry(ctx, t.trace, method, path, body, headers...)
	t.check(err)
	return a
}

// identity returns what the registry tells of the device.
func (t *trial) identity(ctx context.Context) (i identity) {
	a := t.registry(ctx, http.MethodGet, t.subject.path(), "")
	if a.status != http.StatusOK || json.Unmarshal(a.body, &i) != nil {
		t.stop("the registry answered %s", a.text())
	}
	return i
}

// deviceCall sends a request as the device.
func (t *trial) deviceCall(ctx context.Context, method, path string, headers map[string]string) answer {
	a, err := t.run.request(ctx, t.trace, call{
		method: method, path: t.subject.path() + path, authorization: t.subject.token().Reveal(), headers: headers,
	})
	t.check(err)
	return a
}
