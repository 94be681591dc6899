package fault

import (
	"errors"
	"slices"
)

// Kind is what a help text says of a fault.
type Kind struct {
	Name    Name
	Value   string // that it may take, such as "CONDITION"; empty: none
	Default string // of the value
	Effect  string // what happens
	Strikes string // what it has an opportunity at

	isValue func(string) error
}

// kinds are the faults that there are.
var kinds = []Kind{
	{Drop, "", "", "the connection is reset", "a frame from a client", nil},
	{Close, "CONDITION", "amqp:connection:forced", "the hub closes the connection", "a frame from a client", isReason},
	{BlackHole, "", "", "the hub falls silent and deaf", "a frame from a client", nil},
	{EndSession, "CONDITION", "amqp:internal-error", "the session ends", "a frame of a session", isCondition},
	{Detach, "CONDITION", "amqp:link:detach-forced", "the link ends", "a frame about a link", isCondition},
	{RefuseAuth, "STATUS", "401", "the token is refused, or not answered", "a token", isAuthStatus},
	{RefuseAttach, "CONDITION", "amqp:internal-error", "the link is refused", "a link", isCondition},
	{RefuseSend, "CONDITION", "amqp:internal-error", "the message is refused", "a message of a back end", isCondition},
	{WithholdCredit, "", "", "no message may be sent", "a link of a back end", nil},
	{WithholdDisposition, "", "", "there is no answer", "a message, a settlement", nil},
	{LoseDisposition, "", "", "the settlement is not heard", "a settlement", nil},
	{ExpireLocks, "DURATION", "1s", "the lock ends early", "a delivery", isDuration},
}

// Kinds returns the faults that there are.
func Kinds() []Kind { return slices.Clone(kinds) }

// check returns what is wrong with the fault's name or value.
func (f Fault) check() error {
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == f.Name })
	switch {
	case i < 0:
		return errors.New("there is no such fault")
	case f.Value != "" && kinds[i].isValue == nil:
		return errors.New("it takes no value")
	case f.Value != "":
		return kinds[i].isValue(f.Value)
	}
	return nil
}
