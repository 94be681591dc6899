package tap

import "encoding/binary"

// Performative codes that the tap looks for (AMQP 1.0 part 2 §2.7).
const (
	codeOpen        = 0x10
	codeBegin       = 0x11
	codeAttach      = 0x12
	codeFlow        = 0x13
	codeTransfer    = 0x14
	codeDisposition = 0x15
	codeDetach      = 0x16
	codeEnd         = 0x17
	codeClose       = 0x18
)

// frameStart is how many bytes of a frame tell its performative: the header and
// a descriptor in its short form, which is the only one that go-amqp takes. Like
// go-amqp, the tap has no regard for the data offset.
const frameStart = 11

// performativeOf returns the code of the frame that starts with b, 0 if b is
// no performative.
func performativeOf(b []byte) byte {
	if len(b) < frameStart || b[8] != 0x00 || b[9] != 0x53 {
		return 0
	}
	return b[10]
}

// channelOf returns the channel of a frame.
func channelOf(b []byte) uint16 { return binary.BigEndian.Uint16(b[6:]) }

// isHeader reports whether b begins a protocol header. No frame begins like
// that: it would be larger than any peer allows.
func isHeader(b []byte) bool { return string(b[:4]) == "AMQP" }

// outScanner finds the frames in a stream of writes, however it is cut.
type outScanner struct {
	// frame is given every frame: begin and disposition whole, and of others enough
	// to tell the performative, and the delivery-id of a transfer.
	frame func(performative byte, channel uint16, b []byte)
	start []byte // what is held of the current frame
	skip  int    // bytes up to the next frame
	last  bool   // there was a close, which no frame follows
}

func (s *outScanner) scan(p []byte) {
	for len(p) > 0 {
		if s.skip > 0 {
			n := min(s.skip, len(p))
			s.skip -= n
			p = p[n:]
			continue
		}
		n := min(s.want()-len(s.start), len(p))
		s.start = append(s.start, p[:n]...)
		p = p[n:]
		s.emit()
	}
}

// want returns how many bytes to hold before emit has enough.
func (s *outScanner) want() int {
	if len(s.start) < 8 || isHeader(s.start) {
		return 8
	}
	size := int(binary.BigEndian.Uint32(s.start))
	switch performativeOf(s.start) {
	case codeBegin, codeDisposition:
		return size
	case codeTransfer:
		return min(size, fieldsStart)
	}
	return min(size, frameStart)
}

// emit hands over the frame, once as many bytes are held as want says.
func (s *outScanner) emit() {
	switch {
	case len(s.start) < s.want():
		return
	case isHeader(s.start):
		s.start = s.start[:0]
		return
	}
	size := int(binary.BigEndian.Uint32(s.start))
	code := performativeOf(s.start)
	s.last = code == codeClose
	s.frame(code, channelOf(s.start), s.start)
	s.skip = size - len(s.start)
	s.start = s.start[:0]
}
