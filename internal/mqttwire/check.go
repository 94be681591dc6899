package mqttwire

import (
	"cmp"
	"math"
	"strings"
	"unicode/utf8"
)

// checkText checks a text of the client's or the server's (§1.5.3).
func checkText(what, s string) error {
	switch {
	case len(s) > math.MaxUint16:
		return malformed("%s has %d bytes", what, len(s))
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return malformed("%s is not UTF-8, or holds a null character", what)
	}
	return nil
}

// checkTopic checks the topic of a message (§3.3.2.1 and §4.7.3).
func checkTopic(s string) error {
	switch {
	case s == "":
		return malformed("no topic")
	case strings.ContainsAny(s, "+#"):
		return malformed("a wildcard in the topic of a message")
	}
	return checkText("a topic", s)
}

// checkFilter checks a pattern of topics. Where its wildcards stand is not
// looked at: whoever knows the topics knows the filters, and refuses others.
func checkFilter(s string) error {
	if s == "" { // §4.7.3
		return malformed("an empty topic filter")
	}
	return checkText("a topic filter", s)
}

// checkID checks a packet id (§2.3.1).
func checkID(id uint16) error {
	if id == 0 {
		return malformed("packet id 0")
	}
	return nil
}

// checkQoS checks a level of service (§3.3.1.2).
func checkQoS(q QoS) error {
	if q > ExactlyOnce {
		return malformed("QoS %d", q)
	}
	return nil
}

func (p *Connect) check() error {
	if p.Username == nil && p.Password != nil { // §3.1.2.9
		return malformed("a password without a user name")
	}
	var username string
	if p.Username != nil {
		username = *p.Username
	}
	return cmp.Or(
		checkText("the client id", p.ClientID), checkText("the user name", username),
		checkLength("the password", p.Password), p.Will.check(),
	)
}

// checkLength checks the length of a field that may hold anything.
func checkLength(what string, b []byte) error {
	if len(b) > math.MaxUint16 {
		return malformed("%s has %d bytes", what, len(b))
	}
	return nil
}

func (w *Will) check() error {
	if w == nil {
		return nil
	}
	return cmp.Or(checkTopic(w.Topic), checkQoS(w.QoS), checkLength("the will", w.Payload))
}

func (p *ConnAck) check() error {
	if p.SessionPresent && p.Code != Accepted { // §3.2.2.2
		return malformed("a refusal with a session")
	}
	return nil
}

func (p *Publish) check() error {
	switch {
	case p.QoS == AtMostOnce && p.Dup: // §3.3.1.1
		return malformed("DUP with QoS 0")
	case (p.QoS == AtMostOnce) != (p.ID == 0): // §2.3.1
		return malformed("packet id %d with QoS %d", p.ID, p.QoS)
	}
	return cmp.Or(checkQoS(p.QoS), checkTopic(p.Topic))
}

func (p *Subscribe) check() error {
	if len(p.Filters) == 0 { // §3.8.3
		return malformed("a SUBSCRIBE without filters")
	}
	for _, f := range p.Filters {
		if err := cmp.Or(checkFilter(f.Topic), checkQoS(f.QoS)); err != nil {
			return err
		}
	}
	return checkID(p.ID)
}

func (p *SubAck) check() error {
	if len(p.Granted) == 0 { // an answer for each filter, of which there is one at least
		return malformed("a SUBACK without answers")
	}
	for _, q := range p.Granted {
		if q != Refused && checkQoS(q) != nil { // §3.9.3
			return malformed("%#x in a SUBACK", byte(q))
		}
	}
	return checkID(p.ID)
}

func (p *Unsubscribe) check() error {
	if len(p.Topics) == 0 { // §3.10.3
		return malformed("an UNSUBSCRIBE without filters")
	}
	for _, f := range p.Topics {
		if err := checkFilter(f); err != nil {
			return err
		}
	}
	return checkID(p.ID)
}

func (p *PubAck) check() error   { return checkID(p.ID) }
func (p *UnsubAck) check() error { return checkID(p.ID) }
func (*PingReq) check() error    { return nil }
func (*PingResp) check() error   { return nil }
func (*Disconnect) check() error { return nil }
