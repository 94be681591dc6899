package amqpwire

import (
	"fmt"
	"strings"
)

// String returns the frame as one line of text for people, without its
// payload. SASL responses, which may be passwords, are masked.
func (f Frame) String() string {
	switch body := f.Body.(type) {
	case nil:
		return "empty"
	case *SASLInit:
		masked := *body
		masked.InitialResponse = mask(body.InitialResponse)
		return TextOf(&masked)
	case *SASLResponse:
		return TextOf(&SASLResponse{mask(body.Response)})
	}
	if f.SASL {
		return TextOf(f.Body)
	}
	return fmt.Sprintf("%d %s", f.Channel, TextOf(f.Body))
}

func mask(secret []byte) []byte {
	if secret == nil {
		return nil
	}
	return []byte("***")
}

// TextOf returns a composite with the fields that are set, by name.
func TextOf(c composite) string {
	var b strings.Builder
	b.WriteString(c.descriptor().name)
	b.WriteByte('(')
	separator := ""
	for _, f := range c.fields() {
		v := f.load()
		if v == nil {
			continue
		}
		fmt.Fprintf(&b, "%s%s=%s", separator, f.name, f.text(v))
		separator = ", "
	}
	b.WriteByte(')')
	return b.String()
}

// text returns the field's value v: by name if it is a composite itself.
func (f field) text(v any) string {
	switch p := f.ptr.(type) {
	case *DeliveryState:
		return TextOf(*p)
	case **Error:
		return TextOf(*p)
	case **Source:
		return TextOf(*p)
	case **Target:
		return TextOf(*p)
	}
	return Text(v)
}

// Text returns a value in a notation for people. Text in it is quoted, so that
// nothing in it acts on a terminal.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("%q", v)
	case Symbol:
		return fmt.Sprintf("%+q", string(v))
	case []byte:
		return textOfBytes(v)
	case Timestamp:
		return v.Time().Format("2006-01-02T15:04:05.000Z")
	case List:
		return textOfList(v)
	case Array:
		return textOfList(v)
	case Map:
		return textOfMap(v)
	case Described:
		return fmt.Sprintf("@%s %s", Text(v.Descriptor), Text(v.Value))
	}
	return fmt.Sprint(v)
}

// textOfBytes shows what is short in full: delivery tags, mostly.
func textOfBytes(b []byte) string {
	const short = 32
	if len(b) > short {
		return fmt.Sprintf("%d bytes", len(b))
	}
	return fmt.Sprintf("0x%x", b)
}

func textOfList(list []any) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = Text(v)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func textOfMap(m Map) string {
	parts := make([]string, len(m))
	for i, p := range m {
		parts[i] = Text(p.Key) + ": " + Text(p.Value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
