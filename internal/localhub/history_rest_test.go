package localhub_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/localhub/broker/naive"
)

func (h *history) put() {
	id := fmt.Sprint("m", len(h.acks))
	m := &iothub.Message{ID: id, Ack: []iothub.Ack{iothub.AckFull, iothub.AckPositive, iothub.AckNegative, iothub.AckNone}[h.rand.IntN(4)]}
	h.acks[id] = m.Ack
	if h.rand.IntN(2) == 0 {
		m.Expiry = time.Now().Add(time.Duration(1+h.rand.IntN(300)) * time.Second)
	}
	want := h.model.Put(id, m.Expiry)
	err := h.service.Send(h.t.Context(), "dev1", m)
	if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "queue limit") {
		h.t.Fatalf("sent with %v, want room: %v", err, want)
	}
	h.counts["sent"]++
}

// readFeedback reads feedback until ctx ends.
func (h *history) readFeedback(ctx context.Context, feedback *iothub.FeedbackReceiver) {
	for {
		batch, err := feedback.Receive(ctx)
		if err != nil {
			return
		}
		for _, r := range batch.Records {
			h.note(h.feedback, r.MessageID, string(r.Status))
		}
		if err := batch.Complete(ctx); err != nil {
			h.t.Error(err)
		}
	}
}

func (h *history) askByHTTP() {
	lock, headers := h.model.Lock, []string(nil)
	if h.rand.IntN(2) == 0 {
		seconds := 1 + h.rand.IntN(300)
		lock, headers = time.Duration(seconds)*time.Second, []string{"iothub-messagelocktimeout", fmt.Sprint(seconds)}
	}
	a := h.device.do("GET", inbox, "", headers...)
	if h.model.First() == nil {
		h.wantStatus(a, 204)
		return
	}
	h.wantStatus(a, 200)
	m := h.wantMessage("HTTP", a.header.Get("iothub-messageid"), a.header.Get("iothub-deliverycount"))
	h.asked = append(h.asked, locked{a.lockOf(h.t), h.model.Take(m, lock)})
	if len(h.asked) > 8 {
		h.asked = h.asked[1:]
	}
}

func (h *history) wantStatus(a answer, want int) {
	h.t.Helper()
	if a.status != want {
		h.t.Fatalf("answered with %d %s, want %d", a.status, a.body, want)
	}
}

// settleByHTTP settles a delivery over HTTP, which may be over.
func (h *history) settleByHTTP() {
	if len(h.asked) == 0 {
		return
	}
	d := h.asked[h.rand.IntN(len(h.asked))]
	how := naive.Settlement(h.rand.IntN(3))
	path := inbox + "/" + d.token
	want := 412
	if h.model.Settle(d.lock, how) {
		want = 204
	}
	switch how {
	case naive.Abandon:
		h.wantStatus(h.device.do("POST", path+"/abandon", ""), want)
	case naive.Reject:
		h.wantStatus(h.device.do("DELETE", path+"?reject", ""), want)
	default:
		h.wantStatus(h.device.do("DELETE", path, ""), want)
	}
}

func (h *history) purge() {
	a := h.owner.want(200, "DELETE", "/devices/dev1/commands", "")
	if got, want := a.object(h.t)["totalMessagesPurged"], h.model.Purge(); got != float64(want) {
		h.t.Fatalf("%v purged, want %d", got, want)
	}
}

func (h *history) countByREST() {
	a := h.owner.want(200, "GET", "/devices/dev1", "")
	if got, want := a.object(h.t)["cloudToDeviceMessageCount"], len(h.model.Alive()); got != float64(want) {
		h.t.Fatalf("%v messages, want %d", got, want)
	}
}

// disable disables the device for a moment, which sends it away.
func (h *history) disable() {
	h.owner.want(200, "PUT", "/devices/dev1", `{"status":"disabled"}`, "If-Match", "*")
	h.expel("amqp:unauthorized-access")
	h.disorder = false // nobody is there who could get anything
	h.device.do("GET", inbox, "").wantRefused(h.t, "disabled", 401, "IotHubUnauthorizedAccess")
	h.owner.want(200, "PUT", "/devices/dev1", `{"status":"enabled"}`, "If-Match", "*")
}
