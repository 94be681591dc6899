package amqpserver

import (
	"fmt"
	"slices"

	"iothub-c2d/internal/amqpwire"
)

// sasl carries out the SASL layer (AMQP 1.0 part 5 §5.3).
func (c *Conn) sasl() error {
	if _, err := c.net.Write(amqpwire.HeaderSASL[:]); err != nil {
		return err
	}
	offer := &amqpwire.SASLMechanisms{Mechanisms: c.options.Mechanisms}
	if err := c.writeFrame(amqpwire.Frame{SASL: true, Body: offer}); err != nil {
		return err
	}
	f, err := c.readFrame()
	if err != nil {
		return err
	}
	init, ok := f.Body.(*amqpwire.SASLInit)
	if !ok {
		return fmt.Errorf("%T where sasl-init is expected", f.Body)
	}
	refused := c.login(init)
	outcome := &amqpwire.SASLOutcome{Code: amqpwire.SASLOK, AdditionalData: []byte(c.options.Welcome)}
	if refused != nil {
		outcome = &amqpwire.SASLOutcome{Code: amqpwire.SASLAuth}
	}
	if err := c.writeFrame(amqpwire.Frame{SASL: true, Body: outcome}); err != nil {
		return err
	}
	if refused != nil {
		return refused // not returned when nil: an error that holds a nil pointer is none
	}
	return nil
}

func (c *Conn) login(init *amqpwire.SASLInit) *amqpwire.Error {
	if !slices.Contains(c.options.Mechanisms, init.Mechanism) {
		return Errorf(CondNotImplemented, "SASL mechanism %q is not offered.", brief(string(init.Mechanism)))
	}
	return c.handler.Login(init.Mechanism, init.InitialResponse)
}
