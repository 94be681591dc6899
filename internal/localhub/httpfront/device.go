package httpfront

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"iothub-c2d/internal/localhub/broker"
)

// What a device may do by HTTP. It competes with receivers over other protocols,
// and displaces none. Source: Microsoft docs, REST API of IoT Hub, Device.

// receive gives a device its next message, or says that there is none. The answer to
// that is never logged: some clients ask a hundred times a second.
func (h *handler) receive(w http.ResponseWriter, c *call) *broker.Refusal {
	lock, refused := lockTimeout(c.Request)
	if refused != nil {
		return refused
	}
	box, refused := h.Broker.Mailbox(c.id)
	if refused != nil {
		return refused
	}
	box.Active()
	d, ok := take(box, lock)
	if !ok {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	setHeader(w.Header(), d)
	_, _ = w.Write(d.Message.Body) // if the client has gone, the lock runs out
	h.client.Log.Debug("message delivered", "device", c.id.String(), "id", d.Message.ID)
	return nil
}

func take(box *broker.Mailbox, lock time.Duration) (broker.Delivery, bool) {
	if lock == 0 {
		return box.Take()
	}
	return box.TakeFor(lock)
}

// The locks that a device may ask for. IoT Hub publishes no limits; these are those
// of its feedback queue.
const (
	lockHeader       = "iothub-messagelocktimeout" // the C# SDK sends it as a query parameter
	minLock, maxLock = 1, 300                      // seconds
)

// lockTimeout returns how long a client wants to hold a message, 0 if it does not
// say.
func lockTimeout(r *http.Request) (time.Duration, *broker.Refusal) {
	text := cmp.Or(r.Header.Get(lockHeader), r.URL.Query().Get(lockHeader))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < minLock || n > maxLock {
		return 0, broker.Refuse(broker.BadArgument, "The lock time-out is %q, not %d to %d seconds.", text, minLock, maxLock)
	}
	return time.Duration(n) * time.Second, nil
}

// lockToken writes a token as a GUID.
func lockToken(t broker.LockToken) string {
	b := hex.AppendEncode(nil, t[:])
	return string(bytes.Join([][]byte{b[:8], b[8:12], b[12:16], b[16:20], b[20:]}, []byte("-")))
}

// parseLockToken is the inverse of lockToken.
func parseLockToken(text string) (t broker.LockToken, ok bool) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != len(t) {
		return t, false
	}
	return broker.LockToken(b), true
}

func (h *handler) completeOrReject(w http.ResponseWriter, c *call) *broker.Refusal {
	if c.URL.Query().Has("reject") { // whatever its value
		return h.settle(w, c, broker.Reject)
	}
	return h.settle(w, c, broker.Complete)
}

func (h *handler) abandon(w http.ResponseWriter, c *call) *broker.Refusal {
	return h.settle(w, c, broker.Abandon)
}

// settle settles the message whose lock the path names. What the header asks for
// must be the same.
func (h *handler) settle(w http.ResponseWriter, c *call, how broker.Settlement) *broker.Refusal {
	box, refused := h.Broker.Mailbox(c.id)
	if refused != nil {
		return refused
	}
	box.Active()
	if asked := ifMatch(c.Request); asked != "" && asked != "*" && asked != c.etag {
		return broker.Refuse(broker.PreconditionFailed, "The header If-Match is about another lock than the path.")
	}
	token, ok := parseLockToken(c.etag)
	if !ok {
		return broker.AsRefusal(broker.ErrLockLost)
	}
	if err := box.Settle(token, how); err != nil {
		return broker.AsRefusal(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// maxTelemetry is IoT Hub's limit for telemetry, in bytes.
const maxTelemetry = 256 << 10

// batchType is the content type of several messages in one request: an array of
// JSON objects. Source: the Node SDK.
const batchType = "application/vnd.microsoft.iothub.json"

// takeTelemetry counts a device's message, or those of a batch. They are not kept.
func (h *handler) takeTelemetry(w http.ResponseWriter, c *call) *broker.Refusal {
	box, refused := h.Broker.Mailbox(c.id)
	if refused != nil {
		return refused
	}
	b, refused := read(w, c.Request, maxTelemetry)
	if refused != nil {
		return refused
	}
	n := 1
	if strings.HasPrefix(c.Header.Get("Content-Type"), batchType) {
		var batch []struct{}
		if err := json.Unmarshal(b, &batch); err != nil {
			return broker.Refuse(broker.BadArgument, "The batch is no JSON array of messages: %v.", err)
		}
		n = len(batch)
	}
	box.Active()
	total := h.front.telemetry.Add(int64(n))
	h.client.Log.Info("telemetry", "device", c.id.String(), "messages", n, "total", total)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
