package registry

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"iothub-c2d/internal/localhub/broker"
)

// maxDevices is how many devices a registry has room for. Source: Microsoft docs,
// iot-hub-devguide-quotas-throttling.
const maxDevices = 1_000_000

// Options say what a [Registry] is for.
type Options struct {
	Broker   *broker.Broker // whose devices they are; it keeps what the registry knows
	HostName string         // of the hub, as refusals spell it
	Devices  []Device       // that are there from the start
	Logger   *slog.Logger   // hears of changes
}

// Registry knows the devices and modules of a hub. Its methods may be called from
// any goroutine.
type Registry struct {
	broker   *broker.Broker
	hostName string
	log      *slog.Logger
	room     int // for devices

	changing sync.Mutex // held by whoever changes something, until it is on disk

	mu          sync.RWMutex
	identities  map[broker.ID]Identity
	devices     []string               // ids, sorted
	folded      map[string][]string    // those of the same letters, by the id in small letters
	modules     map[string][]string    // of each device that has some, sorted
	thumbprints map[string][]broker.ID // who may have them, by the hash in small letters
	disabled    int                    // devices
	revision    uint64                 // the last that was given
}

// New returns the registry of a broker that nobody uses yet: what the broker has
// kept, and the devices of the options. Those exist whatever was kept of them, and
// log in with what the options say; their status and their modules stay.
func New(o Options) (*Registry, error) {
	r := &Registry{
		broker:      o.Broker,
		hostName:    o.HostName,
		log:         o.Logger,
		room:        maxDevices,
		identities:  make(map[broker.ID]Identity),
		folded:      make(map[string][]string),
		modules:     make(map[string][]string),
		thumbprints: make(map[string][]broker.ID),
	}
	given, err := identitiesOf(o.Devices)
	if err != nil {
		return nil, err
	}
	all := make(map[broker.ID]Identity)
	for _, kept := range o.Broker.Identities() {
		i, err := parseDocument(kept)
		if err != nil {
			return nil, fmt.Errorf("what is kept of %s: %w", kept.ID, err)
		}
		all[i.ID] = i
	}
	if err := r.merge(all, given); err != nil {
		return nil, err
	}
	r.fill(all)
	o.Broker.WarnOfStrays()
	return r, nil
}

// merge adds the devices that are given to those that were kept, as one step.
func (r *Registry) merge(all map[broker.ID]Identity, given []Identity) error {
	var changed []broker.PutIdentity
	for _, i := range given {
		old, kept := all[i.ID]
		if kept && old.Authentication.equal(&i.Authentication) {
			continue
		}
		authentication := i.Authentication
		if kept {
			i = old
		}
		i.Authentication, i.ETag = authentication, newETag()
		all[i.ID] = i
		changed = append(changed, i.document())
	}
	return r.broker.Register(changed...)
}

// fill puts identities into an empty registry, sorted: so each goes to the end.
func (r *Registry) fill(all map[broker.ID]Identity) {
	list := make([]Identity, 0, len(all))
	for _, i := range all {
		i.Generation = r.broker.Activity(i.ID).Generation
		i.Revision = r.nextRevision()
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b Identity) int {
		return cmp.Or(strings.Compare(a.ID.Device, b.ID.Device), strings.Compare(a.ID.Module, b.ID.Module))
	})
	for _, i := range list {
		r.put(i)
	}
}

// Get returns a device or module, or why it cannot.
func (r *Registry) Get(id broker.ID) (Identity, *broker.Refusal) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	i, ok := r.identities[id]
	_, hasDevice := r.identities[broker.ID{Device: id.Device}]
	switch {
	case ok:
		return i, nil
	case !hasDevice:
		return Identity{}, broker.NoDevice(id.Device, r.hostName)
	}
	return Identity{}, broker.Refuse(broker.ModuleNotFound, "Module %s of device %s is not registered.", id.Module, id.Device)
}

// Bearer returns the identity whose credentials speak for id: its own, or that of
// its device if id is a module that is not registered. It is not ok if there is no
// such device.
func (r *Registry) Bearer(id broker.ID) (i Identity, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if i, ok = r.identities[id]; !ok {
		i, ok = r.identities[broker.ID{Device: id.Device}]
	}
	return i, ok
}

// Bearers returns the identities whose credentials may speak for id when its module
// is not spelled with care: modules that differ from it in case only, or not at all,
// or else the device.
func (r *Registry) Bearers(id broker.ID) (list []Identity) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, module := range r.modules[id.Device] {
		if strings.EqualFold(module, id.Module) {
			list = append(list, r.identities[broker.ID{Device: id.Device, Module: module}])
		}
	}
	if device, ok := r.identities[broker.ID{Device: id.Device}]; ok && list == nil {
		list = append(list, device)
	}
	return list
}

// Refuse returns why nobody may act as id now, whatever he shows; nil if somebody
// may.
func (r *Registry) Refuse(id broker.ID) *broker.Refusal {
	r.mu.RLock()
	defer r.mu.RUnlock()
	switch device, ok := r.identities[broker.ID{Device: id.Device}]; {
	case !ok:
		return broker.NoDevice(id.Device, r.hostName)
	case device.Disabled:
		return disabledRefusal(id.Device)
	}
	return nil
}

func disabledRefusal(device string) *broker.Refusal {
	return broker.Refuse(broker.Unauthorized, "Device %s is disabled.", device)
}

// Alike returns the ids of the devices that differ from the given one in case only,
// or not at all.
func (r *Registry) Alike(device string) []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.folded[strings.ToLower(device)])
}

// WithThumbprint returns the ids of those who may log in with the certificate of
// this thumbprint, in hex of small letters.
func (r *Registry) WithThumbprint(thumbprint string) []broker.ID {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.thumbprints[thumbprint])
}

// List returns devices by their ids: at most limit of those after the given id.
func (r *Registry) List(after string, limit int) []Identity {
	r.mu.RLock()
	defer r.mu.RUnlock()
	start, found := slices.BinarySearch(r.devices, after)
	if found {
		start++
	}
	end := min(start+limit, len(r.devices))
	list := make([]Identity, 0, max(end-start, 0))
	for _, id := range r.devices[start:end] {
		list = append(list, r.identities[broker.ID{Device: id}])
	}
	return list
}

// Modules returns the modules of a device, by their ids, or why it cannot.
func (r *Registry) Modules(device string) ([]Identity, *broker.Refusal) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if _, ok := r.identities[broker.ID{Device: device}]; !ok {
		return nil, broker.NoDevice(device, r.hostName)
	}
	list := make([]Identity, 0, len(r.modules[device]))
	for _, module := range r.modules[device] {
		list = append(list, r.identities[broker.ID{Device: device, Module: module}])
	}
	return list, nil
}

// Count returns how many devices there are, and how many of them are disabled.
func (r *Registry) Count() (total, disabled int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.devices), r.disabled
}
