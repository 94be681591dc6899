package amqpwire

import "fmt"

// Message is an AMQP message (part 3 §3.2). At most one of Data, Sequences and
// Value is set; a body that is the null value is Value == Null{}.
type Message struct {
	Header                *Header
	DeliveryAnnotations   Map
	Annotations           Map
	Properties            *Properties
	ApplicationProperties Map
	Data                  [][]byte
	Sequences             []List
	Value                 any
	Footer                Map
}

// Null is the AMQP null where nil would mean that there is no value at all.
type Null struct{}

// Header holds the transport's own facts about a message (part 3 §3.2.1).
type Header struct {
	Durable       bool
	Priority      *uint8
	TTL           *uint32 // milliseconds
	FirstAcquirer bool
	DeliveryCount uint32
}

func (*Header) descriptor() descriptor { return descriptor{codeHeader, "header"} }

func (h *Header) fields() []field {
	return []field{
		{"durable", &h.Durable, optional},
		{"priority", &h.Priority, optional},
		{"ttl", &h.TTL, optional},
		{"first-acquirer", &h.FirstAcquirer, optional},
		{"delivery-count", &h.DeliveryCount, optional},
	}
}

// Properties are the immutable properties of a message (part 3 §3.2.4).
type Properties struct {
	MessageID          any // nil, uint64, UUID, []byte or string
	UserID             []byte
	To                 string
	Subject            string
	ReplyTo            string
	CorrelationID      any // as MessageID
	ContentType        Symbol
	ContentEncoding    Symbol
	AbsoluteExpiryTime *Timestamp
	CreationTime       *Timestamp
	GroupID            string
	GroupSequence      *uint32
	ReplyToGroupID     string
}

func (*Properties) descriptor() descriptor { return descriptor{codeProperties, "properties"} }

func (p *Properties) fields() []field {
	return []field{
		{"message-id", &p.MessageID, optional},
		{"user-id", &p.UserID, optional},
		{"to", &p.To, optional},
		{"subject", &p.Subject, optional},
		{"reply-to", &p.ReplyTo, optional},
		{"correlation-id", &p.CorrelationID, optional},
		{"content-type", &p.ContentType, optional},
		{"content-encoding", &p.ContentEncoding, optional},
		{"absolute-expiry-time", &p.AbsoluteExpiryTime, optional},
		{"creation-time", &p.CreationTime, optional},
		{"group-id", &p.GroupID, optional},
		{"group-sequence", &p.GroupSequence, optional},
		{"reply-to-group-id", &p.ReplyToGroupID, optional},
	}
}

// Descriptors of the sections.
const (
	codeHeader                uint64 = 0x70
	codeDeliveryAnnotations   uint64 = 0x71
	codeAnnotations           uint64 = 0x72
	codeProperties            uint64 = 0x73
	codeApplicationProperties uint64 = 0x74
	codeData                  uint64 = 0x75
	codeSequence              uint64 = 0x76
	codeValue                 uint64 = 0x77
	codeFooter                uint64 = 0x78
)

// Append appends the encoded sections of m to b.
func (m *Message) Append(b []byte) ([]byte, error) {
	for _, section := range m.sections() {
		var err error
		if b, err = Append(b, section); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (m *Message) sections() []Described {
	var s []Described
	if m.Header != nil {
		s = append(s, describe(m.Header))
	}
	s = appendMapSection(s, codeDeliveryAnnotations, m.DeliveryAnnotations)
	s = appendMapSection(s, codeAnnotations, m.Annotations)
	if m.Properties != nil {
		s = append(s, describe(m.Properties))
	}
	s = appendMapSection(s, codeApplicationProperties, m.ApplicationProperties)
	s = m.appendBody(s)
	return appendMapSection(s, codeFooter, m.Footer)
}

func appendMapSection(s []Described, code uint64, m Map) []Described {
	if m == nil {
		return s
	}
	return append(s, Described{code, m})
}

func (m *Message) appendBody(s []Described) []Described {
	for _, data := range m.Data {
		s = append(s, Described{codeData, data})
	}
	for _, sequence := range m.Sequences {
		s = append(s, Described{codeSequence, sequence})
	}
	switch m.Value {
	case nil:
		return s
	case Null{}:
		return append(s, Described{codeValue, nil})
	}
	return append(s, Described{codeValue, m.Value})
}

// DecodeMessage decodes all of b as one message. Binary values alias b.
func DecodeMessage(b []byte) (*Message, error) {
	m := new(Message)
	var last place
	for len(b) > 0 {
		v, rest, err := Decode(b)
		if err != nil {
			return nil, err
		}
		section, _ := v.(Described)
		if last, err = last.next(codeOf(section.Descriptor)); err == nil {
			err = m.store(section)
		}
		if err != nil {
			return nil, fmt.Errorf("message section %v: %w", section.Descriptor, err)
		}
		b = rest
	}
	return m, nil
}

// store puts a section where it belongs.
func (m *Message) store(section Described) error {
	switch code := codeOf(section.Descriptor); code {
	case codeHeader:
		m.Header = new(Header)
		return fillDescribed(m.Header, section)
	case codeDeliveryAnnotations:
		return storeValue(&m.DeliveryAnnotations, section.Value)
	case codeAnnotations:
		return storeValue(&m.Annotations, section.Value)
	case codeProperties:
		m.Properties = new(Properties)
		return m.storeProperties(section)
	case codeApplicationProperties:
		return storeValue(&m.ApplicationProperties, section.Value)
	case codeFooter:
		return storeValue(&m.Footer, section.Value)
	default:
		return m.storeBody(code, section.Value)
	}
}

var sectionCodes = map[Symbol]uint64{
	"amqp:header:list":                codeHeader,
	"amqp:delivery-annotations:map":   codeDeliveryAnnotations,
	"amqp:message-annotations:map":    codeAnnotations,
	"amqp:properties:list":            codeProperties,
	"amqp:application-properties:map": codeApplicationProperties,
	"amqp:data:binary":                codeData,
	"amqp:amqp-sequence:list":         codeSequence,
	"amqp:amqp-value:*":               codeValue,
	"amqp:footer:map":                 codeFooter,
}

func (m *Message) storeProperties(section Described) error {
	if err := fillDescribed(m.Properties, section); err != nil {
		return err
	}
	for _, id := range []any{m.Properties.MessageID, m.Properties.CorrelationID} {
		switch id.(type) {
		case nil, uint64, UUID, []byte, string:
		default:
			return malformed("message id of type %T", id)
		}
	}
	return nil
}

func (m *Message) storeBody(code uint64, v any) error {
	if m.Value != nil || m.Data != nil && code != codeData || m.Sequences != nil && code != codeSequence {
		return malformed("a second body")
	}
	switch code {
	case codeData:
		return appendTo(&m.Data, v)
	case codeSequence:
		return appendTo(&m.Sequences, v)
	}
	if m.Value = v; v == nil {
		m.Value = Null{}
	}
	return nil
}

func appendTo[T any](list *[]T, v any) error {
	var t T
	if err := storeValue(&t, v); err != nil {
		return err
	}
	*list = append(*list, t)
	return nil
}
