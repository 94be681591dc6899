package iothub

import "encoding/binary"

// outScanner finds the frames in a stream of writes, however it is cut.
type outScanner struct {
	frame func(performative byte, channel uint16, whole []byte)
	start []byte // what is held of the current frame
	skip  int    // bytes to pass over to the next frame
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
		s.look()
	}
}

// want returns how many bytes to hold before look can tell more.
func (s *outScanner) want() int {
	if len(s.start) < 8 || isHeader(s.start) {
		return 8
	}
	size := int(binary.BigEndian.Uint32(s.start))
	if performativeOf(s.start) == codeBegin {
		return size
	}
	return min(size, frameStart)
}

// look acts on the bytes held, once there are as many as want says.
func (s *outScanner) look() {
	switch {
	case len(s.start) < s.want():
		return
	case isHeader(s.start):
		s.start = s.start[:0]
		return
	}
	size := int(binary.BigEndian.Uint32(s.start))
	s.frame(performativeOf(s.start), binary.BigEndian.Uint16(s.start[6:]), s.start)
	s.skip = size - len(s.start)
	s.start = s.start[:0]
}
