package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/value"
)

// jsonProperties are application properties: texts, or null.
type jsonProperties map[string]*string

// UnmarshalJSON says which property is wrong, which a plain map does not.
func (p *jsonProperties) UnmarshalJSON(text []byte) error {
	var values map[string]any
	if json.Unmarshal(text, &values) != nil {
		return errors.New("properties must be an object")
	}
	*p = make(jsonProperties)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		s, ok := values[name].(string)
		switch {
		case ok:
			(*p)[name] = &s
		case values[name] == nil:
			(*p)[name] = nil
		default:
			return fmt.Errorf("property %q must be a string", name)
		}
	}
	return nil
}

// jsonTypes are the types of the properties that are no strings: see value.Type.
type jsonTypes map[string]any

// UnmarshalJSON says what is wrong in words about JSON.
func (t *jsonTypes) UnmarshalJSON(text []byte) error {
	var types map[string]any
	if json.Unmarshal(text, &types) != nil {
		return errors.New("propertyTypes must be an object")
	}
	*t = types
	return nil
}

// fillProperties sets the application properties that the line has.
func (j *jsonMessage) fillProperties(m *iothub.Message) error {
	for name := range j.PropertyTypes {
		if _, ok := j.Properties[name]; !ok {
			return fmt.Errorf("propertyTypes has %q, which is no property", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(j.Properties)) {
		v, err := j.property(name)
		if err != nil {
			return err
		}
		if m.Properties == nil {
			m.Properties = make(map[string]any)
		}
		m.Properties[name] = v
	}
	return adoptSystemProperties(m)
}

// property returns the value of a property: text if its type is not told, and null if
// there is no text.
func (j *jsonMessage) property(name string) (any, error) {
	text := j.Properties[name]
	typ, typed := j.PropertyTypes[name]
	switch {
	case text == nil && typed && typ != string(value.NameNull):
		return nil, fmt.Errorf("property %q is null, and of another type", name)
	case text == nil:
		return nil, nil
	case !typed:
		return *text, nil
	}
	v, err := value.Parse(typ, *text)
	if err != nil {
		return nil, fmt.Errorf("property %q: %w", name, err)
	}
	return v, nil
}

// fillBody sets the body: the text or the bytes of a string, or any other JSON value
// as it is written; or the AMQP value or the sequences that bodyType says it is.
func (j *jsonMessage) fillBody(m *iothub.Message) (err error) {
	if m.Body, err = j.body(); err != nil {
		return err
	}
	switch j.BodyType {
	case "", "data":
		if j.PayloadType != nil {
			return errors.New(`payloadType needs "bodyType":"value" or "sequence"`)
		}
		return nil
	case console.BodyValue:
		m.Value, err = j.value(m.Body)
	case console.BodySequence:
		m.Sequences, err = j.sequences(m.Body)
	default:
		return fmt.Errorf("bodyType %q is none of data, value, sequence", j.BodyType)
	}
	if err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	return nil
}

// body returns the payload as bytes.
func (j *jsonMessage) body() ([]byte, error) {
	if len(j.Payload) == 0 || string(j.Payload) == "null" {
		return nil, nil
	}
	var text string
	if json.Unmarshal(j.Payload, &text) != nil {
		return j.Payload, nil
	}
	switch j.PayloadEncoding {
	case "", console.EncodingUTF8, console.EncodingJSON:
		return []byte(text), nil
	case console.EncodingBase64:
		body, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("payload: %w", err)
		}
		return body, nil
	}
	return nil, fmt.Errorf("payloadEncoding %q is neither utf8 nor base64", j.PayloadEncoding)
}

// value returns the AMQP value that a body stands for.
func (j *jsonMessage) value(body []byte) (any, error) {
	switch j.PayloadType {
	case nil:
		return string(body), nil
	case string(value.NameBinary):
		return body, nil
	}
	v, err := value.Parse(j.PayloadType, string(body))
	if v == nil {
		v = value.Null{}
	}
	return v, err
}

// sequences returns the AMQP sequences that a body stands for.
func (j *jsonMessage) sequences(body []byte) ([]value.List, error) {
	typ := j.PayloadType
	if typ == nil {
		typ = "list"
	}
	v, err := value.Parse(typ, string(body))
	if err != nil {
		return nil, err
	}
	list, _ := v.(value.List)
	sequences := make([]value.List, len(list))
	for i, section := range list {
		var ok bool
		if sequences[i], ok = section.(value.List); !ok {
			return nil, errors.New("sequences are a list of lists")
		}
	}
	if len(sequences) == 0 {
		return nil, errors.New("sequences are a list of lists, one at least")
	}
	return sequences, nil
}
