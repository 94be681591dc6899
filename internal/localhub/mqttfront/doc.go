// Package mqttfront is the MQTT door of the local hub: the topics of IoT Hub, over
// MQTT 3.1.1, for devices and modules. It lets clients in, keeps their sessions,
// sends them their messages and completes what they acknowledge.
//
// Cloud-to-device messages are emulated in full. Telemetry is taken, counted and
// thrown away, wills included. Every twin is empty, and stays so: a request for
// it is answered, and so is a change of its reported properties, whose version
// goes up. No desired property ever changes, and no method is called: the topics
// of both may be subscribed to, and bring nothing.
//
// It owns the connections and what is in the sessions. A connection has three
// goroutines: one reads, one writes, and its owner does all the rest. A session is
// kept with its device's mailbox, and goes from the owner of one connection to that
// of the next. Queues are the broker's, and so is the rule that one receiver
// displaces another.
//
// It may import mqttwire, access, broker, and sas for the encoding of properties.
package mqttfront
