package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/sas"
)

// queueSize is how many messages wait for a device. Source: docC2D.
const queueSize = 50

// queueExperiments are about the queue of a device as a whole.
var queueExperiments = []experiment{
	{
		needs: service | device, sends: queueSize + 2, try: tryFullQueue,
		beliefs: []Belief{
			{
				Name: "fifty messages wait for a device, and one more is refused", Source: docC2D + "; azure-iot-sdk-csharp issue 2116",
				Local: "after 50: amqp:resource-limit-exceeded (403004)",
			},
			{
				Name: "a message in a device's hands counts towards the 50", Source: Inference,
				Choice: "A message that is delivered still counts towards the 50.", Local: "amqp:resource-limit-exceeded (403004)",
			},
			{
				Name: "a purge takes locked messages too", Source: Inference,
				Choice: "A purge takes the messages in the device's hands too.", Local: "50 are purged",
			},
			{
				Name: "to complete a message that was purged fails", Source: Inference, Local: "com.microsoft:message-lock-lost (412002)",
			},
		},
	},
	{
		needs: service | device, sends: 1, try: tryPurgeReport,
		beliefs: []Belief{
			{
				Name: "any api-version will do for a purge", Source: Inference, Choice: "any api-version will do", Local: "200",
			},
			{
				Name: "a message that is purged is reported as Purged", Source: "FeedbackStatusCode.cs of the C# SDK", Local: string(iothub.Purged),
			},
			{
				Name: "a token for the path of the purge will do for a purge", Source: docSAS + ", and inference",
				Choice: "It needs service connect, for the hub, the device or /devices/{id}/commands", Local: "200",
			},
			{
				Name: "a device may not purge its queue", Source: Inference, Choice: "It needs service connect", Local: "401 IotHubUnauthorizedAccess",
			},
		},
	},
	{
		needs: service | device, sends: 1, try: tryTakeover,
		beliefs: []Belief{
			{
				Name: "a second receiver of a device displaces the first", Source: "the retry tables of the C# and Java SDKs; the condition is inferred",
				Choice: "A second receiver for a device takes over; the first is detached with amqp:link:stolen.",
				Local:  "amqp:link:stolen (409002)",
			},
			{
				Name: "the messages of a receiver that is displaced go back at once, uncounted", Source: Inference, Local: "at once, delivery count 0",
			},
		},
	},
}

func tryFullQueue(ctx context.Context, t *trial) {
	n, text := 0, ""
	for n <= queueSize {
		if text = t.send(ctx, t.message(fmt.Sprintf("m%d", n+1), "")); text != accepted {
			break
		}
		n++
	}
	t.sawf("after %d: %s", n, text)
	if n != queueSize {
		t.untried("the queue holds another number than 50")
	}
	l := t.receiver(ctx)
	l.credit(uint32(n))
	var last *delivery
	for range n {
		last = l.must(ctx, "message, with credit for all")
	}
	t.saw(t.send(ctx, t.message("one-more", "")))
	a := t.purge(ctx, t.run.token(), "")
	var purged struct{ TotalMessagesPurged int }
	if json.Unmarshal(a.body, &purged) != nil || a.status != http.StatusOK {
		t.stop("%s", a.text())
	}
	t.sawf("%d are purged", purged.TotalMessagesPurged)
	t.saw(l.ask(ctx, last, &amqpwire.Accepted{}))
}

// purge empties the device's queue.
func (t *trial) purge(ctx context.Context, token sas.Token, version string) answer {
	a, err := t.run.request(ctx, t.trace, call{
		method: http.MethodDelete, path: t.subject.path() + "/commands", version: version, authorization: token.Reveal(),
	})
	t.check(err)
	return a
}

func tryPurgeReport(ctx context.Context, t *trial) {
	t.put(ctx, t.message("m", iothub.AckFull))
	t.saw(t.purge(ctx, t.run.token(), "2001-01-01").text())
	t.purge(ctx, t.run.token(), "") // if that one was refused
	t.saw(t.report(ctx, "m"))
	t.needsKey()
	narrow := t.run.tokenFor(t.run.host()+t.subject.path()+"/commands", time.Now().Add(time.Hour))
	t.saw(t.purge(ctx, narrow, "").text())
	t.saw(t.purge(ctx, t.subject.token(), "").text())
}

func tryTakeover(ctx context.Context, t *trial) {
	t.put(ctx, t.message("m", ""))
	first := t.receiver(ctx)
	first.take(ctx)
	second := t.receiver(ctx)
	t.saw(first.fate(ctx, t.figures.Soon))
	second.again(ctx)
}
