package amqpwire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// frames returns the valid frame vectors in a fixed order, one after the
// other, and what they mean.
func frames(t *testing.T) (stream []byte, want []string) {
	t.Helper()
	vectors := readVectors(t)
	var names []string
	for name, v := range vectors {
		if v["kind"] == "frame" && v["error"] == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		stream = append(stream, vectors[name].bytes(t)...)
		want = append(want, vectors[name]["want"])
	}
	return stream, want
}

func TestReadFrameStream(t *testing.T) {
	t.Parallel()
	stream, want := frames(t)
	readers := map[string]io.Reader{
		"whole":         bytes.NewReader(stream),
		"byte by byte":  iotest.OneByteReader(bytes.NewReader(stream)),
		"by halves":     iotest.HalfReader(bytes.NewReader(stream)),
		"end with data": iotest.DataErrReader(bytes.NewReader(stream)),
	}
	for name, r := range readers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, want := range want {
				f, err := ReadFrame(r, 65536)
				if err != nil || dump(f) != want {
					t.Fatalf("got %s, %v, want %s", dump(f), err, want)
				}
			}
			if _, err := ReadFrame(r, 65536); err != io.EOF {
				t.Errorf("after the last frame: %v, want io.EOF itself", err)
			}
		})
	}
}

// The end of the input inside a frame is never taken for the end between two.
func TestReadFrameTruncated(t *testing.T) {
	t.Parallel()
	open := readVectors(t)["frame-open-gateway-v1"].bytes(t)
	for n := range open {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, err := ReadFrame(bytes.NewReader(open[:n]), 65536); err != want {
			t.Errorf("%d of %d bytes: %v, want %v", n, len(open), err, want)
		}
	}
}

func TestReadFrameErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	header := func(size uint32) io.Reader {
		return bytes.NewReader(binary.BigEndian.AppendUint32(nil, size))
	}
	rest := func() io.Reader { return strings.NewReader("\x02\x00\x00\x00") }
	tests := []struct {
		name string
		r    io.Reader
		max  uint32
		want error
	}{
		{"no connection", iotest.ErrReader(broken), 512, broken},
		{"lost in the header", io.MultiReader(header(12), iotest.ErrReader(broken)), 512, broken},
		{"lost in the body", io.MultiReader(header(12), rest(), iotest.ErrReader(broken)), 512, broken},
		{"size 0", io.MultiReader(header(0), rest()), 512, ErrFraming},
		{"size 7", io.MultiReader(header(7), rest()), 512, ErrFraming},
		{"size 8 is the least", io.MultiReader(header(8), rest()), 512, nil},
		{"size at the limit", io.MultiReader(header(8), rest()), 8, nil},
		{"size above the limit", io.MultiReader(header(513), rest()), 512, ErrFraming},
		{"largest size", io.MultiReader(header(1<<32-1), rest()), 1<<32 - 2, ErrFraming},
		{"bad body", io.MultiReader(header(9), rest(), strings.NewReader("\x40")), 512, ErrDecode},
	}
	for _, tt := range tests {
		f, err := ReadFrame(tt.r, tt.max)
		if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if err != nil && dump(f) != "Frame{}" {
			t.Errorf("%s: an error and %s", tt.name, dump(f))
		}
	}
}

func TestReadFrameSizeText(t *testing.T) {
	t.Parallel()
	_, err := ReadFrame(strings.NewReader("\x00\x00\x02\x01\x02\x00\x00\x00"), 512)
	if want := "malformed AMQP frame: size 513, the limit is 512"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestProtocolHeaders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		got  ProtocolHeader
		want string
	}{
		{HeaderAMQP, "AMQP\x00\x01\x00\x00"},
		{HeaderSASL, "AMQP\x03\x01\x00\x00"},
	}
	for _, tt := range tests {
		if string(tt.got[:]) != tt.want {
			t.Errorf("got %q, want %q", tt.got[:], tt.want)
		}
	}
}

// Mandatory fields are on the wire even if nobody has set them.
func TestAppendFrameZeroBodies(t *testing.T) {
	t.Parallel()
	bodies := []Performative{
		&Open{}, &Begin{}, &Attach{}, &Flow{}, &Transfer{}, &Disposition{}, &Detach{}, &End{}, &Close{},
		&SASLMechanisms{}, &SASLInit{}, &SASLChallenge{}, &SASLResponse{}, &SASLOutcome{},
	}
	for _, body := range bodies {
		in := Frame{SASL: strings.HasPrefix(body.descriptor().name, "sasl-"), Body: body}
		b, err := AppendFrame(nil, in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeFrame(b)
		if err != nil {
			t.Fatalf("%s: %v", body.descriptor().name, err)
		}
		again, err := AppendFrame(nil, got)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: got % x, %v, want % x", body.descriptor().name, again, err, b)
		}
	}
}

func TestAppendFrameErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body Performative
		want string
	}{
		{&Open{Properties: Map{{Symbol("n"), 1}}}, "open: encode: no AMQP type for Go type int"},
		{&Attach{Source: &Source{DefaultOutcome: 1}}, "attach: encode: no AMQP type for Go type int"},
	}
	for _, tt := range tests {
		b, err := AppendFrame([]byte("kept"), Frame{Body: tt.body})
		if b != nil || err == nil || err.Error() != tt.want {
			t.Errorf("got %x, %v, want %q", b, err, tt.want)
		}
	}
	if _, err := (&Message{Value: 1}).Append(nil); err == nil {
		t.Error("a message of a Go int was encoded")
	}
}
