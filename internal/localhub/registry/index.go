package registry

import (
	"slices"
	"strings"

	"iothub-c2d/internal/localhub/broker"
)

// put adds an identity, or replaces it.
func (r *Registry) put(i Identity) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, replaces := r.identities[i.ID]
	if replaces {
		r.unindex(old)
	}
	r.identities[i.ID] = i
	for _, t := range i.Authentication.Thumbprints {
		key := strings.ToLower(t)
		r.thumbprints[key] = append(r.thumbprints[key], i.ID)
	}
	if i.Disabled {
		r.disabled++
	}
	switch {
	case replaces:
	case i.ID.Module == "":
		r.devices = insert(r.devices, i.ID.Device)
		fold(r.folded, i.ID.Device, insert)
	default:
		r.modules[i.ID.Device] = insert(r.modules[i.ID.Device], i.ID.Module)
	}
}

// fold changes the ids of the same letters as the given one.
func fold(folded map[string][]string, id string, change func([]string, string) []string) {
	key := strings.ToLower(id)
	if folded[key] = change(folded[key], id); len(folded[key]) == 0 {
		delete(folded, key)
	}
}

// drop removes an identity.
func (r *Registry) drop(i Identity) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unindex(i)
	delete(r.identities, i.ID)
	if i.ID.Module == "" {
		r.devices = remove(r.devices, i.ID.Device)
		fold(r.folded, i.ID.Device, remove)
		return
	}
	if r.modules[i.ID.Device] = remove(r.modules[i.ID.Device], i.ID.Module); len(r.modules[i.ID.Device]) == 0 {
		delete(r.modules, i.ID.Device)
	}
}

// unindex forgets what is found by an identity's contents. Called with mu held.
func (r *Registry) unindex(i Identity) {
	if i.Disabled {
		r.disabled--
	}
	for _, t := range i.Authentication.Thumbprints {
		key := strings.ToLower(t)
		left := slices.DeleteFunc(r.thumbprints[key], func(id broker.ID) bool { return id == i.ID })
		if r.thumbprints[key] = left; len(left) == 0 {
			delete(r.thumbprints, key)
		}
	}
}

func insert(sorted []string, s string) []string {
	at, _ := slices.BinarySearch(sorted, s)
	return slices.Insert(sorted, at, s)
}

func remove(sorted []string, s string) []string {
	at, found := slices.BinarySearch(sorted, s)
	if !found {
		return sorted
	}
	return slices.Delete(sorted, at, at+1)
}
