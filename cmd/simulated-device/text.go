package main

import (
	"fmt"
	"strconv"
	"strings"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
	"iothub-c2d/internal/iothub/value"
)

// text returns the message in the form of the tutorial.
func (p *printer) text(n int, d *iothub.Delivery) string {
	var b strings.Builder
	b.Grow(len(d.Body) + usualText)
	line := func(texts ...string) {
		for _, t := range texts {
			b.WriteString(t)
		}
		b.WriteByte('\n')
	}
	f := console.NewMessageFields(d.DeviceID, &d.Message)
	line("Received Message [", strconv.Itoa(n), "]", p.addressee(d), ":")
	line("    Data", bodyNote(d, f.PayloadEncoding), ": <<<", console.Printable(f.Payload), ">>> & Size=", strconv.Itoa(len(d.Body)))
	line("    Properties: ", propertiesText(f))
	if d.Unreadable != "" {
		line("    Unreadable: ", console.Printable(d.Unreadable))
	}
	if p.console.Verbose {
		b.WriteString(details(d))
		if len(f.JSONPropertyTypes) > 0 {
			line("    Property types: ", jsonText(f.JSONPropertyTypes))
		}
	}
	line("    Total calls received: ", strconv.Itoa(n+1))
	return b.String()
}

// addressee says which device of a fleet a message is for.
func (p *printer) addressee(d *iothub.Delivery) string {
	if !p.fleet {
		return ""
	}
	return " for " + d.DeviceID
}

// usualText is how many bytes the text of most messages has, besides the body.
const usualText = 128

func propertiesText(f console.MessageFields) string {
	if len(f.JSONProperties) == 0 {
		return "{}"
	}
	return jsonText(f.JSONProperties)
}

// bodyNote says how a body is shown that is not as most are: a text.
func bodyNote(d *iothub.Delivery, encoding string) string {
	name := value.NameOf(d.Value)
	switch {
	case d.Sequences != nil:
		return " (sequences, shown as JSON)"
	case encoding == console.EncodingJSON:
		return fmt.Sprintf(" (%s, shown as JSON)", name)
	case encoding == console.EncodingBase64:
		return " (not UTF-8, shown as base64)"
	case d.Value == nil, name == value.NameString, name == value.NameBinary:
		return ""
	}
	return fmt.Sprintf(" (%s)", name)
}

// details returns what -v adds to text.
func details(d *iothub.Delivery) string {
	var b strings.Builder
	for _, fact := range []struct {
		name, text string
		typ        value.Name
	}{
		{"Message id", d.ID, d.IDType},
		{"Correlation id", d.CorrelationID, d.CorrelationIDType},
		{"User id", d.UserID, d.UserIDType},
		{"Content type", d.ContentType, ""},
		{"Content encoding", d.ContentEncoding, ""},
		{"Sequence number", fmt.Sprint(d.SequenceNumber), ""},
		{"Delivery count", fmt.Sprint(d.DeliveryCount), ""},
		{"Enqueued", console.Timestamp(d.EnqueuedTime), ""},
		{"Expires", console.Timestamp(d.Expiry), ""},
		{"Ack", string(d.Ack), ""},
	} {
		if fact.text != "" {
			fmt.Fprintf(&b, "    %s%s: %s\n", fact.name, typeNote(fact.typ), console.Printable(fact.text))
		}
	}
	return b.String()
}

// typeNote says what an id is that is not as most are: a text.
func typeNote(typ value.Name) string {
	switch typ {
	case "", value.NameString:
		return ""
	case value.NameBinary:
		return " (binary, shown as base64)"
	}
	return fmt.Sprintf(" (%s)", typ)
}

// jsonText returns v as JSON. It is for maps of what came from a message.
func jsonText(v any) string {
	text, _ := console.JSON(v) // there is nothing in it that JSON does not have
	return text
}
