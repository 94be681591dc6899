package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"iothub-c2d/internal/sas"
)

// subject is the device, or the module of one, that an experiment works with.
type subject struct {
	cs         sas.ConnectionString
	generation string // as the registry says; empty if it was not asked
}

func (s *subject) id() string { return s.cs.DeviceID }

// path is that of the device below the hub's name.
func (s *subject) path() string { return "/devices/" + s.id() }

// inbox is the address of the messages for the device.
func (s *subject) inbox() string { return s.path() + "/messages/devicebound" }

// token returns a token of the device.
func (s *subject) token() sas.Token { return s.tokenFor(s.cs.Resource(), time.Now().Add(time.Hour)) }

// tokenFor returns a token of the device for a resource.
func (s *subject) tokenFor(resource string, end time.Time) sas.Token {
	if !s.cs.Token.IsZero() {
		return s.cs.Token
	}
	return sas.NewToken(s.cs.Key, resource, "", end)
}

// identity is what the registry tells of a device or module.
type identity struct {
	ETag            string `json:"etag"`
	GenerationID    string `json:"generationId"`
	ConnectionState string `json:"connectionState"`
	Status          string `json:"status"`
	StatusReason    string `json:"statusReason"`
	Messages        int    `json:"cloudToDeviceMessageCount"`
	Authentication  struct {
		SymmetricKey struct{ PrimaryKey, SecondaryKey string }
	} `json:"authentication"`
}

// newSubject registers a device, and waits a moment until all of the hub knows it.
func (r *run) newSubject(ctx context.Context, tr *trace, id string) (*subject, error) {
	s, err := r.register(ctx, tr, id)
	if err != nil {
		return nil, err
	}
	return s, sleep(ctx, r.figures.Silence)
}

// register makes a device, which is removed when the run ends at the latest.
func (r *run) register(ctx context.Context, tr *trace, id string) (*subject, error) {
	if err := r.registryPace.wait(ctx); err != nil {
		return nil, err
	}
	r.own(id) // also if the answer is lost
	a, err := r.request(ctx, tr, r.registryCall(http.MethodPut, "/devices/"+url.PathEscape(id), fmt.Sprintf(`{"deviceId":%q}`, id)))
	if err != nil {
		return nil, err
	}
	var made identity
	if a.status != http.StatusOK || json.Unmarshal(a.body, &made) != nil {
		r.disown(id)
		return nil, fmt.Errorf("a device could not be made: the hub answered %s", a.text())
	}
	key, err := sas.ParseKey(made.Authentication.SymmetricKey.PrimaryKey)
	if err != nil {
		return nil, fmt.Errorf("a device could not be made: its key: %w", err)
	}
	cs := r.target.hub()
	cs.DeviceID, cs.KeyName, cs.Key, cs.Token = id, "", key, sas.Token{}
	return &subject{cs, made.GenerationID}, nil
}

// remove deletes a device of the run. One that is not there is as good.
func (r *run) remove(ctx context.Context, tr *trace, id string) error {
	a, err := r.registry(ctx, tr, http.MethodDelete, "/devices/"+url.PathEscape(id), "", "If-Match", `"*"`)
	if err == nil && a.status != http.StatusNoContent && a.status != http.StatusNotFound {
		err = fmt.Errorf("the hub answered %s", a.text())
	}
	if err != nil {
		return fmt.Errorf("remove device %s: %w", id, err)
	}
	r.disown(id)
	return nil
}

// removeAll deletes the devices that the run still has: in one request, or else one by
// one. The error names those that are left.
func (r *run) removeAll(ctx context.Context) error {
	ids := r.owned()
	if len(ids) == 0 {
		return nil
	}
	type entry struct {
		ID   string `json:"id"`
		Mode string `json:"importMode"`
	}
	var list []entry
	for _, id := range ids {
		list = append(list, entry{id, "delete"})
	}
	body, err := json.Marshal(list)
	if err != nil {
		return err
	}
	// Source: the Java SDK's deleteDevices. It fails if one of them is not there.
	if a, err := r.registry(ctx, newTrace(), http.MethodPost, "/devices", string(body)); err == nil && a.status == http.StatusOK {
		return nil
	}
	var left []error
	for _, id := range ids {
		left = append(left, r.remove(ctx, newTrace(), id))
	}
	return errors.Join(left...)
}
