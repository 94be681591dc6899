package mqttfront

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"iothub-c2d/internal/localhub/access"
	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/mqttwire"
)

// refusal is why a client must not come in, in the words of the log. The client
// is told the code only.
type refusal struct {
	code   mqttwire.ConnectCode
	reason string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("CONNECT refused with code %d: %s", r.code, r.reason)
}

func refuse(code mqttwire.ConnectCode, reason string) error {
	return &refusal{code, reason}
}

func refusef(code mqttwire.ConnectCode, format string, args ...any) error {
	return refuse(code, fmt.Sprintf(format, args...))
}

// admit reads the client's CONNECT, and makes it the one connection of its
// device. The error is a *[refusal] if the client is to be told.
func (f *Front) admit(ctx context.Context, c *conn, s Stream, log *slog.Logger) (*client, error) {
	p, err := c.connect()
	var version mqttwire.VersionError
	if errors.As(err, &version) {
		return nil, refuse(mqttwire.BadVersion, version.Error())
	}
	if err != nil {
		return nil, err
	}
	id, err := identify(p)
	if err != nil {
		return nil, err
	}
	permitted, mailbox, err := f.authorize(id, p, f.options.Access.Examine(s.Certificates))
	if err != nil {
		return nil, err
	}
	if limit := f.options.Connections; limit != nil {
		if err := limit.Wait(ctx); err != nil {
			return nil, refusef(mqttwire.Unavailable, "%v: the hub's limit is %s", err, limit)
		}
	}
	cl := newClient(f, c, mailbox, log)
	cl.over = s.Over
	cl.permitted, cl.patience, cl.will = permitted, patienceOf(p.KeepAlive), p.Will != nil
	if err := cl.takeOver(ctx, p.CleanSession); err != nil {
		return nil, err
	}
	return cl, nil
}

// identify returns who the client says it is. Its id is DEVICE or DEVICE/MODULE,
// its user name HOST/ID, and perhaps an api-version and more behind that.
func identify(p *mqttwire.Connect) (id broker.ID, err error) {
	device, module, ok := strings.Cut(p.ClientID, "/")
	id = broker.ID{Device: device, Module: module}
	switch {
	case device == "", ok && module == "", strings.Contains(module, "/"):
		return id, refusef(mqttwire.BadClientID, "client id %q is neither DEVICE nor DEVICE/MODULE", broker.Brief(p.ClientID))
	case strings.ContainsAny(p.ClientID, "+#"): // §4.7.1: no topic can name it
		return id, refusef(mqttwire.BadClientID, "client id %q has a + or #, which MQTT cannot have in a topic", broker.Brief(p.ClientID))
	case p.Username == nil:
		return id, refuse(mqttwire.BadUsername, "no user name")
	case !names(*p.Username, p.ClientID):
		return id, refusef(mqttwire.BadUsername, "user name %q is not HOST/%s/?api-version=...", broker.Brief(*p.Username), broker.Brief(p.ClientID))
	case p.Will != nil:
		return id, checkWill(topicsOf(id), p.Will)
	}
	return id, nil
}

// names reports whether a user name is that of the client id. Which hub it
// names is not looked at, since the token names it too. What follows says which
// SDK it is; amenzhinsky/iothub leaves the question mark out.
func names(username, clientID string) bool {
	_, rest, ok := strings.Cut(username, "/")
	rest, named := strings.CutPrefix(rest, clientID)
	return ok && named && (rest == "" || rest == "/" ||
		strings.HasPrefix(rest, "/?") || strings.HasPrefix(rest, "/api-version="))
}

// checkWill returns why a will must not be. Source: Microsoft docs,
// iot-mqtt-connect-to-iot-hub: it is telemetry.
func checkWill(t topics, w *mqttwire.Will) error {
	if !t.isTelemetry(w.Topic) || w.QoS > mqttwire.AtLeastOnce {
		return refusef(mqttwire.NotAuthorized, "a will with QoS %d for topic %q", w.QoS, broker.Brief(w.Topic))
	}
	return nil
}

// authorize checks the client's password, or its certificate if it has none.
func (f *Front) authorize(id broker.ID, p *mqttwire.Connect, shown access.Credential) (*permission, *broker.Mailbox, error) {
	permitted, refused := f.permit(id, p.Password, shown)
	var mailbox *broker.Mailbox
	if refused == nil {
		mailbox, refused = f.options.Broker.Mailbox(id)
	}
	event := broker.Event{Kind: broker.EventToken, Device: id.String(), Detail: "200"}
	if refused != nil {
		event.Detail = strconv.Itoa(refused.Code.HTTPStatus())
		f.options.Broker.Tell(event)
		return nil, nil, refuse(mqttwire.NotAuthorized, refused.Message)
	}
	f.options.Broker.Tell(event)
	return permitted, mailbox, nil
}

// permission is what lets a client be its device: a token, or a certificate.
type permission struct {
	need  access.Need
	token *access.Grant // nil: the certificate counts
	shown access.Credential
}

// until returns when the permission ends: the zero time if there is none, or no
// longer.
func (p *permission) until() time.Time {
	if p.token != nil {
		return p.token.Until(p.need)
	}
	return p.shown.Until(p.need)
}

func (f *Front) permit(id broker.ID, password mqttwire.Password, shown access.Credential) (*permission, *broker.Refusal) {
	p := &permission{need: access.Need{Permission: access.DeviceConnect, Of: id}, shown: shown}
	if len(password) > 0 {
		grant, refused := f.options.Access.Verify(string(password), id)
		if refused != nil {
			return nil, refused
		}
		p.token = &grant
	}
	if !p.until().IsZero() {
		return p, nil
	}
	return nil, p.refuse(id)
}

// refuse words why there is no permission.
func (p *permission) refuse(id broker.ID) *broker.Refusal {
	if p.token == nil {
		return broker.Refuse(broker.Unauthorized, "There is no password, and no certificate that permits to be %q.%s", id, p.shown.Remark())
	}
	if refused := (access.Grants{*p.token}).Suspended(p.need); refused != nil {
		return refused
	}
	return broker.Refuse(broker.Unauthorized, "The token for %q does not permit to be %q.", p.token.Resource, id)
}

// maxSilence is how long any client may be silent. Source: Microsoft docs,
// iot-mqtt-connect-to-iot-hub.
const maxSilence = 1767 * time.Second

// patienceOf returns how long a client may be silent that promises a sign of
// life every so many seconds: half as long again (§3.1.2.10).
func patienceOf(keepAlive uint16) time.Duration {
	if keepAlive == 0 {
		return maxSilence
	}
	return min(time.Duration(keepAlive)*time.Second*3/2, maxSilence)
}
