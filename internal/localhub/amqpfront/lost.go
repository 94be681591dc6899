package amqpfront

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"iothub-c2d/internal/localhub/broker"
)

// fatal is how many receivers in a row may be lost with a message in hand before
// it is the message that is named.
const fatal = 3

// maxInHand is how many deliveries a source remembers. A queue has 50 messages,
// unless it is told otherwise.
const maxInHand = 256

// inHand are the latest deliveries of which the receiver has said nothing yet, in
// the order in which it got them. They do not keep the messages in memory.
type inHand []delivery

type delivery struct {
	token broker.LockToken
	name  string        // of the message, for the log
	lost  *atomic.Int32 // of the message
}

func (h *inHand) add(d broker.Delivery, k *kept) {
	if len(*h) >= maxInHand {
		*h = slices.Delete(*h, 0, 1)
	}
	name := fmt.Sprintf("%s (sequence number %d)", broker.Brief(d.Message.ID), d.Sequence)
	*h = append(*h, delivery{d.Token, name, k.lost})
}

// settled forgets a delivery: its receiver has lived to say something of it.
func (h *inHand) settled(token broker.LockToken) {
	i := slices.IndexFunc(*h, func(d delivery) bool { return d.token == token })
	if i >= 0 {
		(*h)[i].lost.Store(0)
		*h = slices.Delete(*h, i, i+1)
	}
}

// end counts that the receiver is lost for every message in its hands, and names
// those with which others were lost before.
func (h *inHand) end(log *slog.Logger, why error) {
	var all, suspects []string
	for i, d := range *h {
		if slices.ContainsFunc((*h)[:i], func(earlier delivery) bool { return earlier.lost == d.lost }) {
			continue // it came twice
		}
		all = append(all, d.name)
		if d.lost.Add(1) >= fatal {
			suspects = append(suspects, d.name)
		}
	}
	if len(all) > 0 {
		log.Info("receiver lost with messages in its hands", "messages", someOf(all), "reason", why.Error())
	}
	if len(suspects) > 0 {
		log.Warn("receiver after receiver is lost with the same messages in its hands", "messages", someOf(suspects), "receivers", fatal)
	}
}

// someOf joins the first of a list.
func someOf(list []string) string {
	const most = 5
	if n := len(list) - most; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), n)
	}
	return strings.Join(list, ", ")
}
