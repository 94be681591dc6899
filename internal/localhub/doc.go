// Package localhub is a small, faithful Azure IoT Hub for loopback: it speaks
// AMQP 1.0 and does cloud-to-device messaging, so that devices and back ends
// can be tried without an Azure account.
package localhub
