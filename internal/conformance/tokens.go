package conformance

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/sas"
)

const (
	choiceScope = "The resource of a token is a prefix, by segment, of the endpoints that the token is good for, such as /messages/devicebound or /devices/{id}/messages/events, and compares without regard to case, ids too."
	choiceHosts = "with any port"
	choiceGrace = "A token is good for five minutes more than it says."
)

const unauthorized = "amqp:unauthorized-access (401002)"

// tokenExperiments are about who is let in, and for how long.
var tokenExperiments = []experiment{
	{
		needs: service | device, try: tryEndOfToken, sends: 1,
		beliefs: []Belief{
			{Name: "a token that ended four minutes ago is taken", Source: "MaxClockSkew in SharedAccessSignatureConstants.cs of the C# SDK", Choice: choiceGrace, Local: "200"},
			{Name: "a token that ended six minutes ago is refused", Source: docErrors + ": 401003", Choice: choiceGrace, Local: "401"},
			{Name: "when a token ends, the links that live by it are detached", Source: docSAS + ", and inference", Choice: "Then the links that live by it are detached", Local: unauthorized},
			{Name: "when a token ends, the connection stays", Source: Inference, Choice: "the connection stays, also after SASL PLAIN", Local: "it stays"},
			{
				Name: "when a token ends, the messages in the device's hands go back at once, uncounted", Source: Inference,
				Choice: "or its token expires, the messages in its hands go back at once, uncounted", Local: "at once, delivery count 0",
			},
		},
	},
	{
		needs: service | device, try: tryScopes,
		beliefs: []Belief{
			{Name: "a token's scope is compared without case", Source: Inference + "; " + docSAS + " wants it in lower case", Choice: choiceScope, Local: attached},
			{Name: "a token may be for one endpoint", Source: docSAS, Choice: choiceScope, Local: attached},
			{Name: "a token for one endpoint is not good for another", Source: docSAS, Choice: choiceScope, Local: unauthorized},
			{Name: "a scope is a prefix by segment", Source: docSAS, Choice: choiceScope, Local: unauthorized},
			{Name: "a policy's token may be for one device", Source: docSAS, Choice: choiceScope, Local: attached},
		},
	},
	{
		needs: service | device, try: tryDeviceTokens,
		beliefs: []Belief{
			{Name: "the resource of a token need not be encoded", Source: "the C and Java SDKs do not encode it", Choice: "The resource of a token is read as it is, decoded once, and decoded twice", Local: attached},
			{Name: "the resource of a token may be encoded twice", Source: Inference + ", since some SDKs encode ids once more", Choice: "as some SDKs encode ids once more", Local: attached},
			{Name: "a token may name the hub with a port", Source: "the Node SDK, seen on the wire", Choice: choiceHosts, Local: attached},
			{
				Name: "a device's own token may name the hub alone", Source: "amenzhinsky/iothub signs so", Choice: "A device's own token may also name the hub alone",
				Local: attached,
			},
			{
				Name: "a path below the device that is no endpoint is ignored in a token", Source: docMQTT + " prints one",
				Choice: "A path below the device that is no endpoint, such as /api-version=2016-11-14, is ignored.", Local: attached,
			},
			{Name: "a device's own token is not good for another device", Source: docSAS, Choice: "a device's own token is good for the one device whose key has signed it", Local: unauthorized},
			{Name: "a token of more than 4096 bytes is refused", Source: Inference, Choice: "Such a token has 4096 bytes at most.", Local: "401"},
			{Name: "a token that is signed with another key is refused", Source: docErrors, Local: "401"},
			{Name: "whoever puts a token hears whether the device exists", Source: "azure-iot-sdk-c issue 1413, a trace", Choice: "Whether a device exists is told to whoever puts a token for it.", Local: "404"},
		},
	},
}

// needsKey ends the trial if tokens cannot be made.
func (t *trial) needsKey() {
	if t.subject != nil && t.subject.cs.Key.IsZero() || t.run.rights&service != 0 && t.run.target.Service.Key.IsZero() {
		t.untried("it makes tokens, and needs strings with keys")
	}
}

func tryEndOfToken(ctx context.Context, t *trial) {
	t.needsKey()
	put := func(end time.Time) (p *peer, status string) { // a hub may hang up on who shows a bad one
		p = t.connect(ctx)
		token := t.subject.tokenFor(t.subject.cs.Resource(), end)
		return p, p.putToken(ctx, token.Reveal(), token.RawResource())
	}
	grace := 5 * time.Minute
	_, status := put(time.Now().Add(-grace + time.Minute))
	t.saw(status)
	if status != "200" {
		grace = 0
	}
	_, status = put(time.Now().Add(-grace - time.Minute))
	t.saw(status)
	t.put(ctx, t.message("m", ""))
	p, status := put(time.Now().Add(t.figures.Expiry - grace))
	if status != "200" {
		t.stop("the token was refused with %s", status)
	}
	l := p.mustAttach(ctx, receiving(t.subject.inbox()))
	l.take(ctx)
	t.saw(l.fate(ctx, t.figures.Expiry+t.figures.Soon))
	t.saw(p.alive(ctx))
	t.receiver(ctx).again(ctx)
}

// alive says whether the connection still works, by another session.
func (p *peer) alive(ctx context.Context) string {
	const channel = 1
	p.sayOn(channel, &amqpwire.Begin{IncomingWindow: 1, OutgoingWindow: 1})
	if _, _, ok := await[*amqpwire.Begin](ctx, p, p.trial.figures.Soon, nil); !ok {
		return p.end()
	}
	return "it stays"
}

// tryToken shows a token, and returns what the hub says to it, or to the link that it
// should be good for.
func (t *trial) tryToken(ctx context.Context, token, name string, a *amqpwire.Attach) string {
	p := t.connect(ctx)
	if status := p.putToken(ctx, token, name); status != "200" {
		return "the token was refused with " + status
	}
	return p.tryAttach(ctx, a)
}

func tryScopes(ctx context.Context, t *trial) {
	t.needsKey()
	try := func(resource, address string, send bool) {
		a := receiving(address)
		if send {
			a = sending(address)
		}
		t.saw(t.tryToken(ctx, t.run.tokenFor(resource, time.Now().Add(time.Hour)).Reveal(), resource, a))
	}
	host, path := t.run.host(), t.subject.path()
	try(strings.ToUpper(host+serviceAddress), serviceAddress, true)
	try(host+serviceAddress, serviceAddress, true)
	try(host+serviceAddress, "/messages/servicebound/feedback", false)
	try(host+path[:len(path)-1], t.subject.inbox(), false)
	if whole := t.login(ctx, t.run.token()).tryAttach(ctx, receiving(t.subject.inbox())); whole != attached {
		t.untried("it needs a policy with device connect: without a scope it is %s", whole)
	}
	try(host+path, t.subject.inbox(), false)
}

func tryDeviceTokens(ctx context.Context, t *trial) {
	t.needsKey()
	host, resource := t.run.host(), t.subject.cs.Resource()
	soon := time.Now().Add(time.Hour)
	attach := func(token, name, address string) {
		t.saw(t.tryToken(ctx, token, name, receiving(address)))
	}
	inbox := t.subject.inbox()
	attach(unencoded(t.subject.cs.Key, resource, soon), resource, inbox)
	twice := host + "/devices/" + strings.ReplaceAll(t.subject.id(), "-", "%2D") // a token's resource is encoded, too
	for _, r := range []string{
		twice, strings.Replace(resource, host, host+":5671", 1), host, resource + "/api-version=2016-11-14",
	} {
		attach(t.subject.tokenFor(r, soon).Reveal(), resource, inbox)
	}
	attach(t.subject.token().Reveal(), resource, "/devices/"+t.id("nobody")+"/messages/devicebound")
	put := func(token sas.Token, name string) { // a hub may hang up on who shows a bad one
		t.saw(t.connect(ctx).putToken(ctx, token.Reveal(), name))
	}
	put(t.subject.tokenFor(resource+"/"+strings.Repeat("x", 4096), soon), resource)
	put(sas.NewToken(sas.NewKey([]byte("no key of this device, of 32 bytes")), resource, "", soon), resource)
	nobody := host + "/devices/" + t.id("nobody")
	put(sas.NewToken(t.subject.cs.Key, nobody, "", soon), nobody)
}

// unencoded returns a token as the C SDK writes it.
func unencoded(key sas.Key, resource string, end time.Time) string {
	se := strconv.FormatInt(end.Unix(), 10)
	signature := base64.StdEncoding.EncodeToString(key.Sign(resource + "\n" + se))
	return "SharedAccessSignature sr=" + resource + "&sig=" + sas.Escape(signature) + "&se=" + se
}
