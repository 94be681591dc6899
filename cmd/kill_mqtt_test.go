package cmd_test

import (
	"context"
	"net"
	"time"

	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/localhub/mqttfront/rawclient"
	"iothub-c2d/internal/mqttwire"
	"iothub-c2d/internal/sas"
)

// keptMQTT receives over MQTT. It subscribes once: its session outlives the hub.
const keptMQTT = "overMQTT"

func helloMQTT() *mqttwire.Connect {
	token := sas.NewToken(defaults.Key(), "localhost/devices/"+keptMQTT, "", time.Now().Add(time.Hour))
	return &mqttwire.Connect{ClientID: keptMQTT, Username: new("localhost/" + keptMQTT + "/"), Password: mqttwire.Password(token.Reveal())}
}

// liveOverMQTT receives until the hub is gone, or ctx ends.
func (b *book) liveOverMQTT(ctx context.Context, address string) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	b.mqtt.Serve(rawclient.New(b.mqtt.T, c))
}

// receiveMQTT notes a message. It cannot know whether the hub hears that it has it.
func (b *book) receiveMQTT(p *mqttwire.Publish) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.overMQTT[rawclient.MessageID(p)] = true
}
