package httpfront

import (
	"net/http"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/query"
	"iothub-c2d/internal/localhub/registry"
)

// getTwin answers with the twin of a device or module: its identity, and properties
// that nobody can change here.
func (h *handler) getTwin(w http.ResponseWriter, c *call) *broker.Refusal {
	i, refused := h.Registry.Get(c.id)
	if refused != nil {
		return refused
	}
	answerJSON(w, http.StatusOK, h.twin(i))
	return nil
}

// twinETag is that of the properties, which never change.
const twinETag = "AAAAAAAAAAE="

func (h *handler) twin(i registry.Identity) query.Row {
	a := h.Broker.Activity(i.ID)
	twin := query.Row{
		"deviceId":                  i.ID.Device,
		"etag":                      twinETag,
		"deviceEtag":                i.ETag,
		"status":                    status(i),
		"statusUpdateTime":          timestamp(i.StatusUpdated),
		"connectionState":           connectionState(a),
		"lastActivityTime":          timestamp(a.Active),
		"cloudToDeviceMessageCount": float64(a.Messages),
		"authenticationType":        typeOf(i.Authentication),
		"x509Thumbprint":            printsRow(i.Authentication),
		"modelId":                   "",
		"version":                   1.0,
		"tags":                      query.Row{},
		"properties":                query.Row{"desired": noProperties(), "reported": noProperties()},
		"capabilities":              query.Row{"iotEdge": i.Edge},
	}
	if i.StatusReason != "" {
		twin["statusReason"] = i.StatusReason
	}
	if i.ID.Module != "" {
		twin["moduleId"] = i.ID.Module
	}
	return twin
}

func printsRow(a registry.Authentication) query.Row {
	row := query.Row{"primaryThumbprint": nil, "secondaryThumbprint": nil}
	for n, name := range []string{"primaryThumbprint", "secondaryThumbprint"} {
		if n < len(a.Thumbprints) {
			row[name] = a.Thumbprints[n]
		}
	}
	return row
}

// noProperties are the properties of a twin that has none.
func noProperties() query.Row {
	return query.Row{"$metadata": query.Row{"$lastUpdated": "0001-01-01T00:00:00Z"}, "$version": 1.0}
}
