// Package broker holds a hub's cloud-to-device messages: a queue for each
// device and module, and one for delivery feedback, which all back ends share.
// It locks, counts and expires messages, and reports how each of them ended.
//
// It owns every queue and its clock, knows no network and no protocol, and
// imports the standard library only. Doors (AMQP, MQTT, HTTP) bring messages and
// fetch them; a [Journal] keeps the queues over a restart.
package broker
