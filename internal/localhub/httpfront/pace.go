package httpfront

import (
	"context"
	"net/http"

	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/throttle"
)

// limitOf returns the limit that an operation counts for, nil if there is none. What
// needs the registry's own permissions is an operation of the registry; queries and
// twins are not, for which IoT Hub has limits of their own.
func (h *handler) limitOf(r *route) *throttle.Bucket {
	switch r.permission {
	case access.RegistryRead, access.RegistryWrite:
		return h.Throttle.Registry
	case access.DeviceConnect:
		if r.method == http.MethodGet { // to settle a message is not limited
			return h.Throttle.Receives
		}
	}
	return nil
}

// shape waits for the turn of a request, or returns why there is none.
func shape(ctx context.Context, limit *throttle.Bucket) *broker.Refusal {
	if err := limit.Wait(ctx); err != nil { // the client that ctx ends does not hear this
		return broker.Refuse(broker.Throttled, "The hub's limit is %s.", limit.String())
	}
	return nil
}
