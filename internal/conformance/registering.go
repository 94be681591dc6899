package conformance

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/sas"
)

const (
	choiceUpdate   = "An update by REST leaves alone keys that are missing or empty; without an authentication it leaves that alone."
	choiceCutOff   = "When a device is disabled or deleted, or its keys or certificates change, all links and connections end that act as it or its modules, with amqp:unauthorized-access, or amqp:not-found if it is deleted"
	choicePresence = "A device counts as connected while it has any link, or a connection over MQTT."
)

// registryExperiments are about devices that come and go.
var registryExperiments = []experiment{
	{
		needs: service | registry, try: tryUpdates,
		beliefs: []Belief{
			{Name: "a device that is there cannot be made", Source: docREST + "service/devices/create-or-update-identity", Local: "409 DeviceAlreadyExists"},
			{Name: "an update without an authentication leaves the keys alone", Source: Inference, Choice: choiceUpdate, Local: "the keys are the same"},
			{Name: "an update with empty keys leaves the keys alone", Source: "the Python SDK sends them", Choice: choiceUpdate, Local: "the keys are the same"},
			{Name: "an update resets what it does not name", Source: Inference, Choice: "All else that is missing is reset.", Local: "the reason of the status is gone"},
			{Name: "an update with another ETag is refused", Source: docREST + "service/devices/create-or-update-identity", Local: "412 PreconditionFailed"},
			{Name: "a key of 8 bytes is refused", Source: docRegistry + ": 16 to 64 bytes", Choice: "Keys of back ends have 16 to 64 bytes; those that the hub makes have 32.", Local: "400 ArgumentInvalid"},
			{Name: "the keys that the hub makes have 32 bytes", Source: "keys of many hubs; newer ones have 64", Choice: "those that the hub makes have 32", Local: "32 bytes"},
			{Name: "a device that is not there is not found", Source: docErrors, Local: "404 DeviceNotFound"},
		},
	},
	{
		needs: service | registry, sends: 1, try: tryDisable,
		beliefs: []Belief{
			{Name: "a change of the edge capability, or of the reason, disturbs no device", Source: Inference, Choice: "Any other change disturbs nobody.", Local: "it stays attached"},
			{Name: "a device that is disabled is cut off", Source: docRegistry + ", the condition is inferred", Choice: choiceCutOff, Local: "amqp:unauthorized-access (401002)"},
			{Name: "a device that is disabled is not let in", Source: docRegistry, Choice: choiceCutOff, Local: "401"},
			{Name: "to a device that is disabled messages can be sent", Source: Inference, Choice: "To a disabled device messages can be sent.", Local: accepted},
		},
	},
	{
		needs: service | registry, try: tryNewKeys,
		beliefs: []Belief{
			{Name: "a device whose keys change is cut off", Source: Inference, Choice: "or its keys or certificates change", Local: "amqp:unauthorized-access (401002)"},
			{Name: "a device that is deleted is cut off", Source: Inference, Choice: choiceCutOff, Local: "amqp:not-found (404001)"},
		},
	},
	{
		needs: service | registry, sends: 1, try: tryPresence,
		beliefs: []Belief{
			{Name: "a device that was never connected is Disconnected", Source: docRegistry, Local: "Disconnected"},
			{Name: "a device with a link over AMQP is Connected", Source: docRegistry + " (it may take a moment)", Choice: choicePresence, Local: "Connected"},
			{Name: "the registry counts the messages of a device, those in its hands too", Source: "cloudToDeviceMessageCount in " + docREST + "; that locked ones count is inferred", Local: "1 message"},
			{Name: "a device with no link any more is Disconnected", Source: docRegistry + " (it may take a moment)", Choice: choicePresence, Local: "Disconnected"},
		},
	},
	{
		needs: service | registry, try: tryOddID,
		beliefs: []Belief{
			{
				Name: "an id that looks encoded must be sent encoded", Source: Inference,
				Choice: `An id such as "a%41" must therefore be sent encoded.`, Local: "encoded: attached; as it is: amqp:unauthorized-access (401002)",
			},
			{Name: "a device's id keeps its case in an address", Source: docRegistry, Choice: "Everywhere else ids keep their case", Local: "amqp:unauthorized-access (401002)"},
		},
	},
}

// update changes the device in the registry, or makes it.
func (t *trial) update(ctx context.Context, rest string, headers ...string) answer {
	return t.registry(ctx, http.MethodPut, t.subject.path(), fmt.Sprintf(`{"deviceId":%q%s}`, t.subject.id(), rest), headers...)
}

// mustUpdate is update for a change without which the trial ends.
func (t *trial) mustUpdate(ctx context.Context, rest string) {
	if a := t.update(ctx, rest, "If-Match", `"*"`); a.status != http.StatusOK {
		t.stop("the registry answered %s", a.text())
	}
}

func tryUpdates(ctx context.Context, t *trial) {
	keys := func() string {
		i := t.identity(ctx)
		if i.Authentication.SymmetricKey.PrimaryKey == t.subject.cs.Key.Base64() {
			return "the keys are the same"
		}
		return "the keys are others"
	}
	t.saw(t.update(ctx, "").text())
	t.mustUpdate(ctx, `,"status":"enabled","statusReason":"a reason"`)
	t.saw(keys())
	t.mustUpdate(ctx, `,"authentication":{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":null}}`)
	t.saw(keys())
	if reason := t.identity(ctx).StatusReason; reason == "" {
		t.saw("the reason of the status is gone")
	} else {
		t.sawf("the reason of the status is %q", reason)
	}
	t.saw(t.update(ctx, "", "If-Match", `"bm9uZQ=="`).text())
	short := sas.NewKey([]byte("12345678")).Base64()
	t.saw(t.update(ctx, `,"authentication":{"type":"sas","symmetricKey":{"primaryKey":"`+short+`","secondaryKey":"`+short+`"}}`, "If-Match", `"*"`).text())
	t.sawf("%d bytes", t.subject.cs.Key.Len())
	t.saw(t.registry(ctx, http.MethodGet, "/devices/"+t.id("nobody"), "").text())
}

func tryDisable(ctx context.Context, t *trial) {
	l := t.receiver(ctx)
	t.mustUpdate(ctx, `,"statusReason":"a reason","capabilities":{"iotEdge":true}`)
	t.saw(l.fate(ctx, t.figures.Silence))
	t.mustUpdate(ctx, `,"status":"disabled"`)
	t.saw(l.fate(ctx, t.figures.Soon))
	token := t.subject.token()
	t.saw(t.connect(ctx).putToken(ctx, token.Reveal(), token.RawResource()))
	t.saw(t.send(ctx, t.message("m", "")))
}

func tryNewKeys(ctx context.Context, t *trial) {
	l := t.receiver(ctx)
	var random [32]byte
	_, _ = rand.Read(random[:]) // documented never to fail
	key := sas.NewKey(random[:])
	t.mustUpdate(ctx, `,"authentication":{"type":"sas","symmetricKey":{"primaryKey":"`+key.Base64()+`","secondaryKey":"`+key.Base64()+`"}}`)
	t.saw(l.fate(ctx, t.figures.Soon))
	t.subject.cs.Key = key
	l = t.receiver(ctx)
	t.check(t.run.remove(ctx, t.trace, t.subject.id()))
	t.saw(l.fate(ctx, t.figures.Soon))
}

func tryPresence(ctx context.Context, t *trial) {
	// A hub may take a while to notice.
	state := func(want string) string {
		got := ""
		for range 6 {
			if got = t.identity(ctx).ConnectionState; got == want {
				break
			}
			t.pause(ctx, t.figures.Silence)
		}
		return got
	}
	t.saw(state("Disconnected"))
	l := t.receiver(ctx)
	t.saw(state("Connected"))
	t.put(ctx, t.message("m", ""))
	l.take(ctx)
	t.saw(plural(t.identity(ctx).Messages, "message"))
	l.detach(ctx, nil)
	l.peer.say(&amqpwire.Close{})
	t.saw(state("Disconnected"))
}

func tryOddID(ctx context.Context, t *trial) {
	odd, err := t.run.newSubject(ctx, t.trace, t.subject.id()+"-a%41")
	t.check(err)
	defer func() { _ = t.run.remove(ctx, t.trace, odd.id()) }() // cleanUp tries again
	p := t.login(ctx, odd.token())
	encoded := p.tryAttach(ctx, receiving("/devices/"+sas.Escape(odd.id())+"/messages/devicebound"))
	t.sawf("encoded: %s; as it is: %s", encoded, p.tryAttach(ctx, receiving(odd.inbox())))
	p = t.login(ctx, t.subject.token())
	t.saw(p.tryAttach(ctx, receiving(strings.ToUpper(t.subject.path())+"/messages/devicebound")))
}
