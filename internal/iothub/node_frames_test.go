package iothub_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"iothub-c2d/internal/amqpwire"
)

// difference is a field in which our frame and the Node SDK's are not alike,
// and why that is accepted.
type difference struct{ step, field, why string }

// The recordings in testdata/node-frames are what the Node SDK sent to the same
// hub for the same things. What is not listed here must be equal.
var serviceDifferences = append([]difference{
	{"transfer message", "message Header", headerWhy},
	{"transfer message", "message Properties.MessageID", "the SDK turns a text that looks like a UUID into one"},
	{"attach /messages/devicebound to send", "Properties", versionWhy},
	{"attach /messages/serviceBound/feedback to receive", "Properties", versionWhy},
	{"attach /messages/serviceBound/feedback to receive", "RcvSettleMode", secondWhy},
	{"disposition accepted", "Settled", secondWhy},
}, connectDifferences...)

var deviceDifferences = append([]difference{
	{"attach /devices/Amqp-1/messages/devicebound to receive", "Properties", versionWhy},
	{"attach /devices/Amqp-1/messages/devicebound to receive", "RcvSettleMode", secondWhy},
	{"disposition accepted", "Settled", secondWhy},
	{"disposition released", "Settled", secondWhy},
	{"disposition rejected", "Settled", secondWhy},
}, connectDifferences...)

var connectDifferences = []difference{
	{"open", "IdleTimeOut", "go-amqp asks for signs of life; rhea does not"},
	{"open", "MaxFrameSize", "go-amqp names its limit; rhea leaves it out"},
	{"begin", "HandleMax", "go-amqp names its limit"},
	{"begin", "IncomingWindow", "5000 in go-amqp, 2048 in rhea"},
	{"begin", "OutgoingWindow", "5000 in go-amqp, 2^32-1 in rhea"},
	{"attach $cbs to send", "Properties", versionWhy},
	{"attach $cbs to receive", "Properties", versionWhy},
	{"transfer put-token", "message Header", headerWhy},
	{"transfer put-token", "message Properties.MessageID", "a counter; the SDK sends a UUID as text"},
	{"transfer put-token", "message ApplicationProperties", "the SDK leaves the port in the name, which only a local hub has"},
}

// telemetryStep is the one thing of the SDK's round trip that is not our job.
const telemetryStep = "attach /devices/Amqp-1/messages/events to send"

const (
	versionWhy = "the SDK tells its version"
	headerWhy  = "rhea sends a header that says nothing"
	secondWhy  = "we ask for the hub's word on each settlement, the SDK does not"
)

// TestFramesLikeNodeSDK sets the frames that our clients send to connect, to
// attach, to send, to receive and to settle beside those of Microsoft's SDK.
func TestFramesLikeNodeSDK(t *testing.T) {
	t.Parallel()
	service, device := recordRoundTrip(t)
	for _, tt := range []struct {
		file     string
		ours     []sentFrame
		accepted []difference
	}{
		{"service.txt", service, serviceDifferences},
		{"device.txt", device, deviceDifferences},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			compareSteps(t, steps(tt.ours), steps(readRecording(t, "testdata/node-frames/"+tt.file)), tt.accepted)
		})
	}
}

func compareSteps(t *testing.T, ours, theirs map[string]map[string]string, accepted []difference) {
	t.Helper()
	var found []difference
	for step, want := range theirs {
		got := ours[step]
		if got == nil {
			if step != telemetryStep {
				t.Errorf("%s: the SDK does so, we do not", step)
			}
			continue
		}
		for _, field := range unionOfKeys(got, want) {
			if got[field] == want[field] {
				continue
			}
			found = append(found, difference{step: step, field: field})
			if !slices.ContainsFunc(accepted, func(d difference) bool { return d.step == step && d.field == field }) {
				t.Errorf("%s: %s is %s, the SDK has %s", step, field, or(got[field], "absent"), or(want[field], "absent"))
			}
		}
	}
	for _, d := range accepted {
		if !slices.Contains(found, difference{step: d.step, field: d.field}) {
			t.Errorf("%s: %s does not differ any more (%s)", d.step, d.field, d.why)
		}
	}
	if len(found) == 0 {
		t.Error("no step was compared")
	}
}

func or(s, empty string) string {
	if s == "" {
		return empty
	}
	return s
}

func unionOfKeys(a, b map[string]string) (keys []string) {
	for k := range a {
		keys = append(keys, k)
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// sentFrame is a frame that a client sent.
type sentFrame struct{ amqpwire.Frame }

// steps describes the first frame of each kind, by field.
func steps(frames []sentFrame) map[string]map[string]string {
	described := make(map[string]map[string]string)
	working := false // the client is past its token
	for _, f := range frames {
		name := f.step()
		if strings.HasSuffix(name, "devicebound to send") || strings.HasSuffix(name, "to receive") && !strings.Contains(name, "$cbs") {
			working = true
		}
		if !working && strings.HasPrefix(name, "disposition") {
			name += " of a reply to put-token"
		}
		if name != "" && described[name] == nil {
			described[name] = f.describe()
		}
	}
	return described
}

// step names what the frame is for.
func (f sentFrame) step() string {
	switch body := f.Body.(type) {
	case *amqpwire.Open:
		return "open"
	case *amqpwire.Begin:
		return "begin"
	case *amqpwire.Attach:
		if body.Role == amqpwire.RoleSender {
			return "attach " + body.Target.Address + " to send"
		}
		return "attach " + body.Source.Address + " to receive"
	case *amqpwire.Transfer:
		m, err := amqpwire.DecodeMessage(f.Payload)
		switch {
		case err != nil:
			return ""
		case m.ApplicationProperties.String("operation") != "":
			return "transfer put-token"
		case strings.HasSuffix(m.Properties.To, "devicebound"):
			return "transfer message"
		}
	case *amqpwire.Disposition:
		switch body.State.(type) {
		case *amqpwire.Accepted:
			return "disposition accepted"
		case *amqpwire.Released:
			return "disposition released"
		case *amqpwire.Rejected:
			return "disposition rejected"
		}
	case *amqpwire.Close:
		return "close"
	}
	return ""
}

// Fields that name one occasion: they differ from run to run.
var occasional = []string{"ContainerID", "Name", "Handle", "DeliveryID", "DeliveryTag", "First", "Last", "message Value", "message Data"}

func (f sentFrame) describe() map[string]string {
	fields := make(map[string]string)
	flatten(fields, "", reflect.ValueOf(f.Body).Elem())
	if _, ok := f.Body.(*amqpwire.Transfer); ok {
		m, err := amqpwire.DecodeMessage(f.Payload)
		if err != nil {
			panic(err) // step has decoded it
		}
		flatten(fields, "message ", reflect.ValueOf(m).Elem())
		for _, body := range []string{"message Value", "message Data"} {
			if fields[body] != "" {
				fields["message has"] = body
			}
		}
	}
	for _, name := range occasional {
		delete(fields, name)
	}
	if fields["message Properties.AbsoluteExpiryTime"] != "" {
		fields["message Properties.AbsoluteExpiryTime"] = "set"
	}
	return fields
}

// flatten puts the fields of a struct that are set into fields, by name.
func flatten(fields map[string]string, prefix string, v reflect.Value) {
	for i := range v.NumField() {
		name, value := prefix+v.Type().Field(i).Name, v.Field(i)
		if value.IsZero() {
			continue
		}
		switch v := value.Interface().(type) {
		case *amqpwire.Source:
			flatten(fields, name+".", reflect.ValueOf(v).Elem())
		case *amqpwire.Target:
			flatten(fields, name+".", reflect.ValueOf(v).Elem())
		case *amqpwire.Properties:
			flatten(fields, name+".", reflect.ValueOf(v).Elem())
		case amqpwire.DeliveryState:
			fields[name] = amqpwire.TextOf(v)
		case amqpwire.Map:
			slices.SortFunc(v, func(a, b amqpwire.Pair) int { return strings.Compare(fmt.Sprint(a.Key), fmt.Sprint(b.Key)) })
			fields[name] = amqpwire.Text(v)
		default:
			if value.Kind() == reflect.Interface { // its type is part of what is sent
				fields[name] = fmt.Sprintf("%T ", v)
			}
			fields[name] += fmt.Sprint(reflect.Indirect(value))
		}
	}
}
