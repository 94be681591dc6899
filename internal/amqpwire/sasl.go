package amqpwire

// Outcome codes of a SASL exchange (part 5 §5.3.3.6).
const (
	SASLOK   uint8 = 0
	SASLAuth uint8 = 1 // the credentials were refused
)

// SASLMechanisms advertises what a server accepts (part 5 §5.3.3.1).
type SASLMechanisms struct{ Mechanisms []Symbol }

func (*SASLMechanisms) descriptor() descriptor { return descriptor{0x40, "sasl-mechanisms"} }

func (s *SASLMechanisms) fields() []field {
	return []field{{"sasl-server-mechanisms", &s.Mechanisms, mandatory}}
}

// SASLInit selects a mechanism (part 5 §5.3.3.2). InitialResponse may hold a
// password.
type SASLInit struct {
	Mechanism       Symbol
	InitialResponse []byte
	Hostname        string
}

func (*SASLInit) descriptor() descriptor { return descriptor{0x41, "sasl-init"} }

func (s *SASLInit) fields() []field {
	return []field{
		{"mechanism", &s.Mechanism, mandatory},
		{"initial-response", &s.InitialResponse, optional},
		{"hostname", &s.Hostname, optional},
	}
}

// SASLChallenge is the server's question (part 5 §5.3.3.3).
type SASLChallenge struct{ Challenge []byte }

func (*SASLChallenge) descriptor() descriptor { return descriptor{0x42, "sasl-challenge"} }

func (s *SASLChallenge) fields() []field {
	return []field{{"challenge", &s.Challenge, mandatory}}
}

// SASLResponse is the client's answer (part 5 §5.3.3.4). It may hold a secret.
type SASLResponse struct{ Response []byte }

func (*SASLResponse) descriptor() descriptor { return descriptor{0x43, "sasl-response"} }

func (s *SASLResponse) fields() []field {
	return []field{{"response", &s.Response, mandatory}}
}

// SASLOutcome ends the exchange (part 5 §5.3.3.5).
type SASLOutcome struct {
	Code           uint8
	AdditionalData []byte
}

func (*SASLOutcome) descriptor() descriptor { return descriptor{0x44, "sasl-outcome"} }

func (s *SASLOutcome) fields() []field {
	return []field{
		{"code", &s.Code, mandatory},
		{"additional-data", &s.AdditionalData, optional},
	}
}
