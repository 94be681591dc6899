package tap

// OtherProtocol returns the [ErrNotAMQP] of a server that speaks another protocol.
func OtherProtocol(name string) error { return otherProtocolError(name) }

type otherProtocolError string

func (otherProtocolError) Unwrap() error { return ErrNotAMQP }

func (e otherProtocolError) Error() string {
	return "the server does not speak AMQP but " + string(e)
}

// Spoke reports whether the hub has sent its protocol header. It is for the reading
// goroutine, or after that has ended.
func (t *Tap) Spoke() bool { return t.started }
