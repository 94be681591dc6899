package registry

import (
	"encoding/json"
	"fmt"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/sas"
)

// document is an identity as the broker keeps it. The generation id is the broker's
// own.
type document struct {
	ETag          string             `json:"etag"`
	Disabled      bool               `json:"disabled,omitempty"`
	StatusReason  string             `json:"statusReason,omitempty"`
	StatusUpdated time.Time          `json:"statusUpdated,omitzero"`
	Type          AuthenticationType `json:"type"`
	Keys          [2]string          `json:"keys"` // base64; empty for none
	Thumbprints   []string           `json:"thumbprints,omitempty"`
	Edge          bool               `json:"edge,omitempty"`
	ManagedBy     string             `json:"managedBy,omitempty"`
}

func (i Identity) document() broker.PutIdentity {
	d := document{
		i.ETag, i.Disabled, i.StatusReason, i.StatusUpdated, i.Authentication.Type,
		[2]string{},
		i.Authentication.Thumbprints, i.Edge, i.ManagedBy,
	}
	for n, k := range i.Authentication.Keys {
		d.Keys[n] = k.Base64()
	}
	b, _ := json.Marshal(d) // texts, a time and a bool: cannot fail
	return broker.PutIdentity{ID: i.ID, Document: b}
}

func parseDocument(kept broker.PutIdentity) (Identity, error) {
	var d document
	if err := json.Unmarshal(kept.Document, &d); err != nil {
		return Identity{}, err
	}
	a := Authentication{Type: d.Type, Thumbprints: d.Thumbprints}
	for n, text := range d.Keys {
		if text == "" {
			continue
		}
		key, err := sas.ParseKey(text)
		if err != nil {
			return Identity{}, fmt.Errorf("key %d: %w", n+1, err)
		}
		a.Keys[n] = key
	}
	return Identity{
		ID: kept.ID, ETag: d.ETag, Disabled: d.Disabled, StatusReason: d.StatusReason, StatusUpdated: d.StatusUpdated,
		Authentication: a, Edge: d.Edge, ManagedBy: d.ManagedBy,
	}, nil
}
