package registry

import (
	"iothub-c2d/internal/localhub/broker"
)

// Mode is what one operation of a bulk does.
type Mode int

// The modes. An ETag counts for those that name it only.
const (
	CreateMode Mode = iota
	UpdateMode
	UpdateIfMatchMode
	DeleteMode
	DeleteIfMatchMode
	CreateOrUpdateMode
	CreateOrUpdateIfMatchMode
)

// Operation is one of a bulk: it is about the identity, as it is to be, and
// likewise about its ETag now.
type Operation struct {
	Mode Mode
	Identity
}

// Apply carries out one operation of a bulk. The others are not its concern: each
// is kept, or refused, by itself.
func (r *Registry) Apply(o Operation) (refused *broker.Refusal) {
	etag := AnyETag
	switch o.Mode {
	case UpdateIfMatchMode, DeleteIfMatchMode, CreateOrUpdateIfMatchMode:
		etag = o.ETag
	}
	switch o.Mode {
	case CreateMode:
		_, refused = r.Create(o.Identity)
	case UpdateMode, UpdateIfMatchMode:
		_, refused = r.Update(o.Identity, etag)
	case DeleteMode, DeleteIfMatchMode:
		refused = r.Delete(o.ID, etag)
	case CreateOrUpdateMode, CreateOrUpdateIfMatchMode:
		if _, refused = r.Update(o.Identity, etag); refused != nil && refused.Code.HTTPStatus() == 404 {
			_, refused = r.Create(o.Identity)
		}
	}
	return refused
}
