package amqpwire

// Source is the node that a link takes messages from (part 3 §3.5.3).
type Source struct {
	Address               string
	Durable               uint32
	ExpiryPolicy          Symbol
	Timeout               uint32 // seconds
	Dynamic               bool
	DynamicNodeProperties Map
	DistributionMode      Symbol
	Filter                Map
	DefaultOutcome        any
	Outcomes              []Symbol
	Capabilities          []Symbol
}

func (*Source) descriptor() descriptor { return descriptor{0x28, "source"} }

func (s *Source) fields() []field {
	return []field{
		{"address", &s.Address, optional},
		{"durable", &s.Durable, optional},
		{"expiry-policy", &s.ExpiryPolicy, optional},
		{"timeout", &s.Timeout, optional},
		{"dynamic", &s.Dynamic, optional},
		{"dynamic-node-properties", &s.DynamicNodeProperties, optional},
		{"distribution-mode", &s.DistributionMode, optional},
		{"filter", &s.Filter, optional},
		{"default-outcome", &s.DefaultOutcome, optional},
		{"outcomes", &s.Outcomes, optional},
		{"capabilities", &s.Capabilities, optional},
	}
}

// Target is the node that a link brings messages to (part 3 §3.5.4), or the
// coordinator of transactions (part 4 §4.5.1).
type Target struct {
	Address               string
	Durable               uint32
	ExpiryPolicy          Symbol
	Timeout               uint32 // seconds
	Dynamic               bool
	DynamicNodeProperties Map
	Capabilities          []Symbol
	// Coordinator is no field on the wire but a descriptor of its own, for a list
	// of nothing but capabilities.
	Coordinator bool
}

var coordinator = descriptor{0x30, "coordinator"}

func (t *Target) descriptor() descriptor {
	if t.Coordinator {
		return coordinator
	}
	return descriptor{0x29, "target"}
}

func (t *Target) fields() []field {
	if t.Coordinator {
		return []field{{"capabilities", &t.Capabilities, optional}}
	}
	return []field{
		{"address", &t.Address, optional},
		{"durable", &t.Durable, optional},
		{"expiry-policy", &t.ExpiryPolicy, optional},
		{"timeout", &t.Timeout, optional},
		{"dynamic", &t.Dynamic, optional},
		{"dynamic-node-properties", &t.DynamicNodeProperties, optional},
		{"capabilities", &t.Capabilities, optional},
	}
}
