package mqttfront

import (
	"errors"
	"fmt"
	"strings"

	"iothub-c2d/internal/localhub/broker"
	"iothub-c2d/internal/mqttwire"
)

// publish takes what the device sends. Retained messages are taken like others.
func (c *client) publish(p *mqttwire.Publish) error {
	if p.QoS > mqttwire.AtLeastOnce { // IoT Hub does the same. Source: iot-mqtt-connect-to-iot-hub
		return errors.New("the client sent a message with QoS 2")
	}
	answer, err := c.take(p.Topic)
	if err != nil {
		return err
	}
	if p.QoS == mqttwire.AtLeastOnce {
		if err := c.conn.send(&mqttwire.PubAck{ID: p.ID}); err != nil {
			return err
		}
	}
	if _, wanted := c.filters[twinResponse+allBelow]; answer == nil || !wanted {
		return nil
	}
	return c.conn.send(answer)
}

// take acts on a message by its topic. The answer is nil if there is none.
func (c *client) take(topic string) (answer *mqttwire.Publish, err error) {
	if c.topics.isTelemetry(topic) {
		c.takeTelemetry("telemetry")
		return nil, nil
	}
	path, rid, ok := splitRequest(topic)
	switch {
	case ok && path == twinGet:
		twin := fmt.Appendf(nil, `{"desired":{"$version":1},"reported":{"$version":%d}}`, c.session.reported)
		return &mqttwire.Publish{Topic: responseTopic(200, rid), Payload: twin}, nil
	case ok && path == twinPatch:
		c.session.reported++
		return &mqttwire.Publish{Topic: fmt.Sprintf("%s&$version=%d", responseTopic(204, rid), c.session.reported)}, nil
	case ok && strings.HasPrefix(path, methodResponse):
		return nil, nil // though no method was called
	}
	return nil, fmt.Errorf("the client sent a message to topic %q, which is not its own", broker.Brief(topic))
}

// takeTelemetry counts a message, which is not kept.
func (c *client) takeTelemetry(what string) {
	c.mailbox.Active()
	total := c.front.telemetry.Add(1)
	c.log.Info(what, "messages", 1, "total", total)
}
