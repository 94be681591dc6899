package registry

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/sas"
)

// Create adds a device or module. What it does not say, the registry decides: keys
// are made, and the status is enabled.
func (r *Registry) Create(want Identity) (Identity, *broker.Refusal) {
	r.changing.Lock()
	defer r.changing.Unlock()
	if refused := r.refuseNew(want); refused != nil {
		return Identity{}, refused
	}
	i := want
	i.Disabled = want.Disabled && want.ID.Module == "" // a module has no status
	i.Authentication = complete(want.Authentication, Authentication{})
	i.StatusUpdated = time.Time{}
	i.Revision = r.nextRevision()
	return r.write(i, "created")
}

// refuseNew returns why an identity cannot be created, nil if it can.
func (r *Registry) refuseNew(want Identity) *broker.Refusal {
	if refused := check(want); refused != nil {
		return refused
	}
	total, _ := r.Count()
	_, missing := r.Get(want.ID)
	_, noDevice := r.Get(broker.ID{Device: want.ID.Device})
	switch {
	case want.ID.Module != "" && noDevice != nil:
		return noDevice
	case want.ID.Module != "" && missing == nil:
		return broker.Refuse(broker.ModuleExists, "Module %s of device %s is registered already.", want.ID.Module, want.ID.Device)
	case want.ID.Module != "":
		return r.broker.AdmitModule(want.ID)
	case missing == nil:
		return broker.Refuse(broker.DeviceExists, "A device with ID '%s' is already registered.", want.ID.Device)
	case total >= r.room:
		return broker.Refuse(broker.TooManyDevices, "There are %d devices already.", total)
	}
	return nil
}

// AnyETag matches every identity.
const AnyETag = "*"

// Update changes a device or module whose ETag is the given one, or [AnyETag]. What
// it may log in with stays as far as it is not given.
//
// If its keys, its certificates or its status change, whoever is connected as it is
// cut off.
func (r *Registry) Update(want Identity, etag string) (Identity, *broker.Refusal) {
	r.changing.Lock()
	defer r.changing.Unlock()
	old, refused := r.match(want.ID, etag)
	if refused == nil {
		refused = check(want)
	}
	if refused != nil {
		return Identity{}, refused
	}
	i := want
	i.Disabled = want.Disabled && want.ID.Module == ""
	i.Generation = old.Generation
	i.Authentication = complete(want.Authentication, old.Authentication)
	i.StatusUpdated, i.Revision = old.StatusUpdated, old.Revision
	if i.Disabled != old.Disabled {
		i.StatusUpdated = time.Now().UTC()
	}
	other := !i.Authentication.equal(&old.Authentication)
	if i.Disabled != old.Disabled || other {
		i.Revision = r.nextRevision()
	}
	if i, refused = r.write(i, "changed"); refused != nil {
		return Identity{}, refused
	}
	switch {
	case i.Disabled:
		r.broker.Expel(i.ID, disabledRefusal(i.ID.Device))
	case other:
		r.broker.Expel(i.ID, broker.Refuse(broker.Unauthorized, "The credentials of %s have changed.", i.ID))
	}
	return i, nil
}

// match returns the identity of an id if it has the ETag.
func (r *Registry) match(id broker.ID, etag string) (Identity, *broker.Refusal) {
	i, refused := r.Get(id)
	if refused == nil && etag != AnyETag && etag != i.ETag {
		refused = broker.Refuse(broker.PreconditionFailed, "The ETag of %s is another: it has changed meanwhile.", id)
	}
	return i, refused
}

// write makes an identity what it is to be: on disk, then here.
func (r *Registry) write(i Identity, what string) (Identity, *broker.Refusal) {
	i.ETag = newETag()
	if err := r.broker.Register(i.document()); err != nil {
		r.log.Error("registry not kept on disk", "error", err)
		return Identity{}, broker.Refuse(broker.Internal, "%v", err)
	}
	i.Generation = r.broker.Activity(i.ID).Generation
	r.put(i)
	r.log.Info("identity "+what, "id", i.ID.String(), "authentication", string(i.Authentication.Type), "disabled", i.Disabled)
	return i, nil
}

// Delete removes a device, and its modules, or a module, whose ETag is the given
// one, or [AnyETag]. The messages that wait for it are purged, and whoever is
// connected as it is cut off. If it fails, some modules may be gone.
func (r *Registry) Delete(id broker.ID, etag string) *broker.Refusal {
	r.changing.Lock()
	defer r.changing.Unlock()
	i, refused := r.match(id, etag)
	if refused != nil {
		return refused
	}
	var list []Identity
	if id.Module == "" {
		list, _ = r.Modules(id.Device)
	}
	for _, each := range append(list, i) {
		// Whoever asks from now on is told that it does not exist.
		r.drop(each)
		if err := r.broker.Unregister(each.ID); err != nil {
			r.put(each)
			r.log.Error("registry not kept on disk", "error", err)
			return broker.Refuse(broker.Internal, "%v", err)
		}
		r.log.Info("identity deleted", "id", each.ID.String())
	}
	return nil
}

func (r *Registry) nextRevision() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.revision++
	return r.revision
}

// keySize is the size of the keys that the registry makes, in bytes. IoT Hub's have
// the same.
const keySize = 32

// complete fills in what is missing: all that was before, or single keys, or else
// new keys. It takes off what does not count for the type.
func complete(a, old Authentication) Authentication {
	switch {
	case a.Type == "" && old.Type != "":
		return old
	case a.Type == "":
		a.Type = SAS
	}
	switch a.Type {
	case SAS:
		a.Thumbprints = nil
		for i := range a.Keys {
			if a.Keys[i].IsZero() {
				a.Keys[i] = old.Keys[i]
			}
			if a.Keys[i].IsZero() {
				a.Keys[i] = newKey()
			}
		}
	case SelfSigned:
		a.Keys = [2]sas.Key{}
	default:
		a.Keys, a.Thumbprints = [2]sas.Key{}, nil
	}
	return a
}

func newKey() sas.Key {
	var b [keySize]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	return sas.NewKey(b[:])
}

// newETag returns an ETag that looks like IoT Hub's: a number of nine digits, in
// base64.
func newETag() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%09d", n%1_000_000_000))
}
