package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
)

const choiceModules = "Messages go to modules as well, which exist as soon as they are named, with a queue of their own"

// moduleExperiments are about modules, in the registry and out of it.
var moduleExperiments = []experiment{
	{
		needs: service | registry, sends: 2, try: tryModule, // a purge of the device would leave its message
		beliefs: []Belief{
			{Name: "a module exists as soon as it is named", Source: Inference, Choice: choiceModules, Local: accepted},
			{Name: "a token for a device is good for its modules", Source: docSAS + ": the scope is a prefix", Choice: "A token for a device is good for its modules", Local: "the module's message"},
			{Name: "feedback of a module carries the device's id", Source: Inference, Choice: "Feedback about a module carries the id of its device.", Local: "the id of the device"},
		},
	},
	{
		needs: service | registry, sends: 1, try: tryNamedModule,
		beliefs: []Belief{
			{Name: "the registry shows no module that was only named", Source: Inference, Choice: "The registry shows those that were created in it", Local: "0 modules"},
			{Name: "the registry shows a module that was made", Source: docREST + "service/modules/get-modules-on-device", Choice: "The registry shows those that were created in it", Local: "1 module"},
			{Name: "a module has keys of its own", Source: docRegistry, Choice: "these have keys or certificates of their own, the others their device's", Local: "other keys"},
			{Name: "a device that is deleted takes its modules along", Source: docRegistry, Choice: "A device that is deleted takes its modules along", Local: "404 DeviceNotFound"},
		},
	},
}

// moduleID is that of all modules here.
const moduleID = "module"

func tryModule(ctx context.Context, t *trial) {
	m := t.message("m", iothub.AckFull)
	m.ModuleID = moduleID
	text := t.send(ctx, m)
	t.saw(text)
	if text != accepted {
		t.makeModule(ctx)
		t.put(ctx, m)
	}
	l := t.login(ctx, t.subject.token()).mustAttach(ctx, receiving(t.modulePath()+"/messages/devicebound"))
	d := l.take(ctx)
	t.saw("the module's message")
	l.ask(ctx, d, &amqpwire.Accepted{})
	t.report(ctx, "m")
	record, found := t.reported(ctx, 0, func(f iothub.Feedback) bool { return f.MessageID == m.ID })
	switch {
	case !found:
		t.saw(noReport)
	case record.DeviceID == t.subject.id():
		t.saw("the id of the device")
	default:
		t.saw(strings.Replace(record.DeviceID, t.subject.id(), "DEVICE", 1))
	}
}

func tryNamedModule(ctx context.Context, t *trial) {
	m := t.message("m", "")
	m.ModuleID = "only-named"
	t.send(ctx, m) // whether the hub takes it is another belief
	count := func() {
		var list []identity
		a := t.registry(ctx, http.MethodGet, t.subject.path()+"/modules", "")
		if a.status != http.StatusOK || json.Unmarshal(a.body, &list) != nil {
			t.stop("the registry answered %s", a.text())
		}
		t.saw(plural(len(list), "module"))
	}
	count()
	made := t.makeModule(ctx)
	count()
	if made.Authentication.SymmetricKey.PrimaryKey == t.subject.cs.Key.Base64() {
		t.saw("the keys of the device")
	} else {
		t.saw("other keys")
	}
	t.check(t.run.remove(ctx, t.trace, t.subject.id()))
	t.saw(t.registry(ctx, http.MethodGet, t.modulePath(), "").text())
}

func (t *trial) modulePath() string { return t.subject.path() + "/modules/" + moduleID }

// makeModule registers a module of the device.
func (t *trial) makeModule(ctx context.Context) (made identity) {
	a := t.registry(ctx, http.MethodPut, t.modulePath(), fmt.Sprintf(`{"deviceId":%q,"moduleId":%q}`, t.subject.id(), moduleID))
	if a.status != http.StatusOK || json.Unmarshal(a.body, &made) != nil {
		t.stop("a module could not be made: %s", a.text())
	}
	return made
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
