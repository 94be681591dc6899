package localhub

import (
	"fmt"

	"iothub-c2d/internal/amqpwire"
)

// sasl carries out the SASL layer (AMQP 1.0 part 5 §5.3). Only PLAIN proves
// anything; after the other mechanisms the client has still to put a token.
func (c *conn) sasl() error {
	if _, err := c.net.Write(amqpwire.HeaderSASL[:]); err != nil {
		return err
	}
	offer := &amqpwire.SASLMechanisms{Mechanisms: c.manners.mechanisms}
	if err := c.writeFrame(amqpwire.Frame{SASL: true, Body: offer}); err != nil {
		return err
	}
	f, err := amqpwire.ReadFrame(c.br, c.manners.maxFrameSize)
	if err != nil {
		return err
	}
	init, ok := f.Body.(*amqpwire.SASLInit)
	if !ok {
		return fmt.Errorf("%T where sasl-init is expected", f.Body)
	}
	refused := c.login(init)
	outcome := &amqpwire.SASLOutcome{Code: amqpwire.SASLOK, AdditionalData: []byte(c.manners.saslWelcome)}
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
