// Package broker holds a hub's cloud-to-device messages: a queue for each
// device and module, and one for delivery feedback, which all back ends share.
// It locks, counts and expires messages, and reports how each of them ended.
//
// It owns every queue and its clock, knows no network and no protocol, and
// imports the standard library only. Doors (AMQP, MQTT, HTTP) bring messages and
// fetch them, and tell who is there as a device; the registry tells which devices
// and modules exist; a [Journal] keeps all of this over a restart.
package broker
