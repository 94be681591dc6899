package httpfront

import (
	"slices"
	"strings"
	"time"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/localhub/registry"
	"iothub-c2d/internal/sas"
)

// deviceJSON is the identity of a device, as the REST API shows it.
type deviceJSON struct {
	DeviceID               string           `json:"deviceId"`
	GenerationID           string           `json:"generationId"`
	ETag                   string           `json:"etag"`
	ConnectionState        string           `json:"connectionState"`
	Status                 string           `json:"status"`
	StatusReason           *string          `json:"statusReason"`
	ConnectionStateUpdated string           `json:"connectionStateUpdatedTime"`
	StatusUpdated          string           `json:"statusUpdatedTime"`
	LastActivity           string           `json:"lastActivityTime"`
	Messages               int              `json:"cloudToDeviceMessageCount"`
	Capabilities           capabilitiesJSON `json:"capabilities"`
	Authentication         authJSON         `json:"authentication"`
}

// moduleJSON is that of a module.
type moduleJSON struct {
	ModuleID               string   `json:"moduleId"`
	ManagedBy              *string  `json:"managedBy"`
	DeviceID               string   `json:"deviceId"`
	GenerationID           string   `json:"generationId"`
	ETag                   string   `json:"etag"`
	ConnectionState        string   `json:"connectionState"`
	ConnectionStateUpdated string   `json:"connectionStateUpdatedTime"`
	LastActivity           string   `json:"lastActivityTime"`
	Messages               int      `json:"cloudToDeviceMessageCount"`
	Authentication         authJSON `json:"authentication"`
}

type capabilitiesJSON struct {
	IoTEdge bool `json:"iotEdge"`
}

// authJSON is what an identity logs in with. The type is the last field: the C# SDK
// takes the type from whatever comes before it.
type authJSON struct {
	Keys        *keysJSON   `json:"symmetricKey"`
	Thumbprints *printsJSON `json:"x509Thumbprint"`
	Type        string      `json:"type"`
}

type keysJSON struct {
	Primary   *string `json:"primaryKey"`
	Secondary *string `json:"secondaryKey"`
}

type printsJSON struct {
	Primary   *string `json:"primaryThumbprint"`
	Secondary *string `json:"secondaryThumbprint"`
}

// identityJSON is what clients send. They leave out what they do not know, or send
// null or an empty text.
type identityJSON struct {
	DeviceID       string            `json:"deviceId"`
	ModuleID       string            `json:"moduleId"`
	Status         string            `json:"status"`
	StatusReason   string            `json:"statusReason"`
	ManagedBy      string            `json:"managedBy"`
	Capabilities   *capabilitiesJSON `json:"capabilities"`
	Authentication *authJSON         `json:"authentication"`
}

// show returns an identity as JSON, with what it is doing now.
func (h *handler) show(i registry.Identity) any {
	a := h.Broker.Activity(i.ID)
	if i.ID.Module != "" {
		return moduleJSON{
			i.ID.Module, optional(i.ManagedBy), i.ID.Device, i.Generation, i.ETag, connectionState(a), timestamp(a.Changed),
			timestamp(a.Active), a.Messages, showAuthentication(i.Authentication),
		}
	}
	return deviceJSON{
		i.ID.Device, i.Generation, i.ETag, connectionState(a), status(i), optional(i.StatusReason), timestamp(a.Changed),
		timestamp(i.StatusUpdated), timestamp(a.Active), a.Messages,
		capabilitiesJSON{i.Edge},
		showAuthentication(i.Authentication),
	}
}

func connectionState(a broker.Activity) string {
	if a.Connected {
		return "Connected"
	}
	return "Disconnected"
}

func status(i registry.Identity) string {
	if i.Disabled {
		return "disabled"
	}
	return "enabled"
}

// timestamp writes a time. The zero one stands for never in .NET, and here.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return "0001-01-01T00:00:00Z"
	}
	return t.UTC().Format(broker.TimestampLayout)
}

// optional returns nil for an empty text.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func showAuthentication(a registry.Authentication) authJSON {
	prints := append(slices.Clone(a.Thumbprints), "", "")
	return authJSON{
		Keys:        &keysJSON{optional(a.Keys[0].Base64()), optional(a.Keys[1].Base64())},
		Thumbprints: &printsJSON{optional(prints[0]), optional(prints[1])},
		Type:        typeOf(a),
	}
}

// typeOf names what an identity logs in with. One of the hub's settings may have
// several ways; the first counts.
func typeOf(a registry.Authentication) string {
	switch {
	case a.Type != registry.Any:
		return string(a.Type)
	case len(a.SigningKeys()) > 0:
		return string(registry.SAS)
	case len(a.Thumbprints) > 0:
		return string(registry.SelfSigned)
	}
	return string(registry.Authority)
}

// parse returns what a client wants an identity to be.
func (j *identityJSON) parse(id broker.ID) (i registry.Identity, refused *broker.Refusal) {
	if j.DeviceID != "" && j.DeviceID != id.Device || j.ModuleID != "" && j.ModuleID != id.Module {
		return i, broker.Refuse(broker.BadArgument, "The identity is about %q, the path about %q.", broker.ID{Device: j.DeviceID, Module: j.ModuleID}.String(), id.String())
	}
	i = registry.Identity{ID: id, StatusReason: j.StatusReason, ManagedBy: j.ManagedBy}
	i.Edge = j.Capabilities != nil && j.Capabilities.IoTEdge
	switch strings.ToLower(j.Status) { // the Java SDK writes Enabled
	case "", "enabled":
	case "disabled":
		i.Disabled = true
	default:
		return i, broker.Refuse(broker.BadArgument, "The status %q is neither enabled nor disabled.", j.Status)
	}
	if j.Authentication != nil {
		i.Authentication, refused = j.Authentication.parse()
	}
	return i, refused
}

func (j *authJSON) parse() (a registry.Authentication, refused *broker.Refusal) {
	a.Type = registry.SAS
	for _, t := range []registry.AuthenticationType{registry.SelfSigned, registry.Authority, registry.None} {
		if strings.EqualFold(j.Type, string(t)) {
			a.Type = t
		}
	}
	if j.Type != "" && !strings.EqualFold(j.Type, string(a.Type)) {
		return a, broker.Refuse(broker.BadArgument, "The authentication type %q is none of sas, selfSigned, certificateAuthority, none.", j.Type)
	}
	if k := j.Keys; k != nil {
		for n, text := range []*string{k.Primary, k.Secondary} {
			if text == nil || *text == "" {
				continue
			}
			key, err := sas.ParseKey(*text)
			if err != nil {
				return a, broker.Refuse(broker.BadArgument, "The symmetricKey is not usable: %v.", err)
			}
			a.Keys[n] = key
		}
	}
	if p := j.Thumbprints; p != nil {
		for _, text := range []*string{p.Primary, p.Secondary} {
			if text != nil && *text != "" {
				a.Thumbprints = append(a.Thumbprints, *text)
			}
		}
	}
	return a, nil
}
