package amqpfront

import (
	"fmt"

	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/broker"
)

// checkTypes returns why no IoT Hub would store a message with values of these
// types, nil if one would. A receiver may not survive such a message, which would
// come again and again.
func checkTypes(m *amqpwire.Message) *broker.Refusal {
	annotations := []struct {
		name string
		in   amqpwire.Map
	}{
		{"delivery annotations", m.DeliveryAnnotations},
		{"message annotations", m.Annotations},
		{"footer", m.Footer},
	}
	for _, a := range annotations { // AMQP 1.0 part 3 §3.2.10
		for _, p := range a.in {
			if !isAnnotationKey(p.Key) {
				return broker.Refuse(broker.BadArgument, "A key of the %s is %s, not a symbol or a ulong.", a.name, kindOf(p.Key))
			}
		}
		if refused := checkKeys("the "+a.name, a.in); refused != nil {
			return refused
		}
	}
	for _, p := range m.Annotations {
		if isCompound(p.Value) {
			return broker.Refuse(broker.BadArgument, "The value of the message annotation '%s' is %s.", fmt.Sprint(p.Key), kindOf(p.Value))
		}
	}
	return checkContentTypes(m)
}

// checkContentTypes is checkTypes of the application properties and the body.
func checkContentTypes(m *amqpwire.Message) *broker.Refusal {
	for _, p := range m.ApplicationProperties { // part 3 §3.2.5
		switch name, ok := p.Key.(string); {
		case !ok:
			return broker.Refuse(broker.BadArgument, "The name of a property is %s, not a string.", kindOf(p.Key))
		case isCompound(p.Value):
			return broker.Refuse(broker.BadArgument, "The value of the property '%s' is %s.", name, kindOf(p.Value))
		}
	}
	for _, sequence := range m.Sequences {
		if refused := checkKeys("the body", sequence); refused != nil {
			return refused
		}
	}
	return checkKeys("the body", m.Value)
}

// checkKeys looks for maps in a value, however deep, and refuses keys that are not
// scalar. Values are decoded, and therefore not nested without end.
func checkKeys(place string, v any) *broker.Refusal {
	var inner []any
	switch v := v.(type) {
	case amqpwire.Map:
		for _, p := range v {
			if !isKey(p.Key) {
				return broker.Refuse(broker.BadArgument, "A key of a map in %s is %s.", place, kindOf(p.Key))
			}
			inner = append(inner, p.Value)
		}
	case amqpwire.List:
		inner = v
	case amqpwire.Array:
		inner = v
	case amqpwire.Described:
		inner = []any{v.Value}
	}
	for _, v := range inner {
		if refused := checkKeys(place, v); refused != nil {
			return refused
		}
	}
	return nil
}

func isAnnotationKey(key any) bool {
	switch key.(type) {
	case amqpwire.Symbol, uint64:
		return true
	}
	return false
}

// isKey reports whether every client's map takes the key. Null and binary are not
// compound, and yet there are clients that crash.
func isKey(key any) bool {
	switch key.(type) {
	case nil, []byte:
		return false
	}
	return !isCompound(key)
}

func isCompound(v any) bool {
	switch v.(type) {
	case amqpwire.List, amqpwire.Map, amqpwire.Array, amqpwire.Described:
		return true
	}
	return false
}

// kindOf names the type of a value, for people.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case amqpwire.List:
		return "a list"
	case amqpwire.Map:
		return "a map"
	case amqpwire.Array:
		return "an array"
	case amqpwire.Described:
		return "a described value"
	case []byte:
		return "binary"
	case string:
		return fmt.Sprintf("the string '%s'", v)
	}
	return fmt.Sprintf("'%v'", v)
}
