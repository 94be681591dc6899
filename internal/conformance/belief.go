package conformance

import (
	"context"
	"slices"
)

// Belief is a statement about IoT Hub.
type Belief struct {
	Name   string // the statement, in plain English
	Source string // a document, a file of an SDK, what was seen on the wire; or [Inference]
	// Choice quotes the local hub's list of choices. It is empty if that hub had
	// none: its documents say so, or all of its clients want it.
	Choice string
	Local  string // what the local hub does
}

// Inference is the source of a belief that nobody has written down.
const Inference = "inference"

// Where the documents of IoT Hub are.
const (
	docs        = "https://learn.microsoft.com/azure/iot-hub/"
	docC2D      = docs + "iot-hub-devguide-messages-c2d"
	docMessages = docs + "iot-hub-devguide-messages-construct"
	docAMQP     = docs + "iot-hub-amqp-support"
	docSAS      = docs + "iot-hub-dev-guide-sas"
	docErrors   = docs + "troubleshoot-error-codes"
	docRegistry = docs + "iot-hub-devguide-identity-registry"
	docMQTT     = "https://learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-hub"
	docREST     = "https://learn.microsoft.com/rest/api/iothub/"
)

// experiment finds out what a hub does about some beliefs.
type experiment struct {
	beliefs []Belief
	needs   need
	// sends is how many messages it sends at most.
	sends int
	// try says what it sees, in the order of the beliefs.
	try func(ctx context.Context, t *trial)
}

// need is what an experiment cannot do without.
type need int

const (
	service  need = 1 << iota // a policy that may send, and read feedback
	device                    // a device, whose key is known
	registry                  // a policy that may make and remove devices
)

// experiments are all that there are. Those that take minutes come first.
func experiments() []experiment {
	return slices.Concat(lockExperiments, queueExperiments, mqttExperiments, outcomeExperiments, feedbackExperiments, tokenExperiments,
		requestExperiments, mqttLoginExperiments, registryExperiments, certificateExperiments, moduleExperiments, httpExperiments, contentExperiments, checkExperiments)
}

// Beliefs returns all beliefs, in the order of the report.
func Beliefs() (list []Belief) {
	for _, e := range experiments() {
		list = append(list, e.beliefs...)
	}
	return list
}

// Messages returns how many messages a run sends at most.
func Messages() (n int) {
	for _, e := range experiments() {
		n += e.sends
	}
	return n
}
