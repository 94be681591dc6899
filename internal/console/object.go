package console

import (
	"maps"
	"slices"
	"strconv"
)

// Object is a JSON object in the making, for what is printed for every message: to
// have package json find out what a value is takes longer than to send a message.
// It looks as [JSON] would make it. Its zero value has no fields.
type Object struct{ b []byte }

// usualObject is how many bytes most objects have.
const usualObject = 512

// name begins a field. A name is one that JSON has no other form for.
func (o *Object) name(name string) {
	before := byte(',')
	if o.b == nil {
		o.b, before = make([]byte, 0, usualObject), '{'
	}
	o.b = append(o.b, before, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

// Text appends a field with a text.
func (o *Object) Text(name, text string) {
	o.name(name)
	o.b = appendJSONText(o.b, text)
}

// TextIfAny appends a field with a text, unless that is empty.
func (o *Object) TextIfAny(name, text string) {
	if text != "" {
		o.Text(name, text)
	}
}

// Integer appends a field with a number.
func (o *Object) Integer(name string, n int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, n, 10)
}

// Number appends a field with a number, which is 0 or neither very small nor very
// large: JSON has such in another form.
func (o *Object) Number(name string, n float64) {
	o.name(name)
	o.b = strconv.AppendFloat(o.b, n, 'f', -1, 64)
}

// Texts appends a field with an object of texts, where nil is null.
func (o *Object) Texts(name string, texts map[string]*string) {
	o.name(name)
	o.b = append(o.b, '{')
	for i, key := range slices.Sorted(maps.Keys(texts)) {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = append(appendJSONText(o.b, key), ':')
		if text := texts[key]; text == nil {
			o.b = append(o.b, "null"...)
		} else {
			o.b = appendJSONText(o.b, *text)
		}
	}
	o.b = append(o.b, '}')
}

// Line returns the object, which has fields, as a line.
func (o *Object) Line() string { return string(append(o.b, '}', '\n')) }
