package main

import (
	"fmt"
	"strings"

	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/value"
)

// environment returns a message's properties as environment variables: the system
// properties as C2D_MESSAGE_ID and so on, the application properties as
// C2D_PROPERTY_ and the name, with _ for characters that a variable's name cannot
// have. They hold texts: C2D_TYPES has the types of those that are not the usual
// ones, as a JSON object, and that of the body. A property that is null has no
// variable. If two names make one variable, C2D_PROPERTIES has all, as a JSON object.
func environment(d *iothub.Delivery) []string {
	env := []string{
		"C2D_MESSAGE_ID=" + d.ID,
		"C2D_CORRELATION_ID=" + d.CorrelationID,
		"C2D_USER_ID=" + d.UserID,
		"C2D_CONTENT_TYPE=" + d.ContentType,
		"C2D_CONTENT_ENCODING=" + d.ContentEncoding,
		fmt.Sprintf("C2D_DELIVERY_COUNT=%d", d.DeliveryCount),
		fmt.Sprintf("C2D_SEQUENCE_NUMBER=%d", d.SequenceNumber),
	}
	variables := make(map[string]bool)
	texts := make(map[string]any)
	for _, name := range d.PropertyNames() {
		variable := propertyVariable(name)
		variables[variable] = true
		if texts[name] = d.Properties[name]; texts[name] != nil {
			texts[name] = value.Text(d.Properties[name])
			env = append(env, fmt.Sprintf("%s=%s", variable, texts[name]))
		}
	}
	if len(variables) < len(texts) {
		env = append(env, "C2D_PROPERTIES="+jsonText(texts))
	}
	if types := environmentTypes(d); len(types) > 0 {
		env = append(env, "C2D_TYPES="+jsonText(types))
	}
	for i := range env {
		env[i] = strings.ReplaceAll(env[i], "\x00", "") // a variable cannot hold it
	}
	return env
}

// environmentTypes returns the types that are not the usual ones, by the names of
// the variables; that of the body, by "body".
func environmentTypes(d *iothub.Delivery) map[string]any {
	types := make(map[string]any)
	for variable, typ := range map[string]value.Name{
		"C2D_MESSAGE_ID": d.IDType, "C2D_CORRELATION_ID": d.CorrelationIDType, "C2D_USER_ID": d.UserIDType,
	} {
		if typ != "" {
			types[variable] = typ
		}
	}
	for name, v := range d.Properties {
		if value.NameOf(v) != value.NameString {
			types[propertyVariable(name)] = value.Type(v)
		}
	}
	switch {
	case d.Value != nil:
		types["body"] = value.Type(d.Value)
	case d.Sequences != nil:
		types["body"] = "sequences"
	}
	return types
}

func propertyVariable(name string) string {
	return "C2D_PROPERTY_" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
}
