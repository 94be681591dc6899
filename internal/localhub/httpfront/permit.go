package httpfront

import (
	"net/http"

	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/broker"
)

// checkVersion refuses a request that does not say which version of the REST API it
// wants. Any will do.
func checkVersion(r *http.Request) *broker.Refusal {
	if r.URL.Query().Get("api-version") == "" {
		return broker.Refuse(broker.BadVersion, "The query parameter api-version is missing.")
	}
	return nil
}

// permit returns why a request is not permitted, nil if it is. What counts is the
// token that it has, or the certificate of its connection if it has none.
func (h *handler) permit(r *http.Request, n access.Need) *broker.Refusal {
	text := r.Header.Get("Authorization")
	if text == "" && n.Permission == access.DeviceConnect {
		return h.permitCertificate(n)
	}
	var claimed broker.ID
	if n.Permission == access.DeviceConnect {
		claimed = n.Of
	}
	g, refused := h.Access.Authorize(text, claimed)
	if refused != nil || !g.Until(n).IsZero() {
		return refused
	}
	if refused := (access.Grants{g}).Suspended(n); refused != nil {
		return refused
	}
	return broker.Refuse(broker.Unauthorized, "The token for %q does not permit %s %s.", g.Resource, r.Method, r.URL.Path)
}

func (h *handler) permitCertificate(n access.Need) *broker.Refusal {
	if h.credential == nil {
		c := h.Access.Examine(h.client.Certificates)
		h.credential = &c
	}
	if !h.credential.Until(n).IsZero() {
		return nil
	}
	return broker.Refuse(broker.Unauthorized, "There is no token, and no certificate that permits to be %s.%s", n.Of.String(), h.credential.Remark())
}
