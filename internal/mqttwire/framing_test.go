package mqttwire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
)

// otherVectors are about §3.12 to §3.14.
var otherVectors = []vector{
	{name: "pingreq", wire: `c0 00`, want: &PingReq{}},
	{name: "pingresp", wire: `d0 00`, want: &PingResp{}},
	{name: "disconnect", wire: `e0 00`, want: &Disconnect{}},
	{name: "pingreq-body", wire: `c0 02 "hi"`, err: "2 bytes after the end"},
	{name: "pingreq-flags", wire: `c1 00`, err: "flags 0x1"},
	{name: "disconnect-flags", wire: `e1 00`, err: "flags 0x1"},
	{name: "disconnect-body", wire: `e0 01 00`, err: "after the end"}, // as version 5 has it
}

// framingVectors are about §2.2.
var framingVectors = []vector{
	{name: "type-0", wire: `00 00`, err: "type 0"},
	{name: "type-15", wire: `f0 00`, err: "type 15"},
	{name: "pubrec", wire: `50 02 0001`, err: "type 5"},
	{name: "pubrel", wire: `62 02 0001`, err: "type 6"},
	{name: "pubcomp", wire: `70 02 0001`, err: "type 7"},
	{name: "length-of-127", wire: `30 7f 007d "` + strings.Repeat("t", 125) + `"`, want: &Publish{Topic: strings.Repeat("t", 125)}},
	{name: "length-of-128", wire: `30 8001 007e "` + strings.Repeat("t", 126) + `"`, want: &Publish{Topic: strings.Repeat("t", 126)}},
	{name: "length-of-16384", wire: `30 808001 3ffe "` + strings.Repeat("t", 16382) + `"`, want: &Publish{Topic: strings.Repeat("t", 16382)}},
	{name: "length-longer-than-need-be", wire: `30 8300 0001 "t"`, err: "longer than need be"},
	{name: "length-of-five-bytes", wire: `30 ffffffff 01`, err: "more than four bytes"},
	{name: "length-of-zero-in-four-bytes", wire: `c0 80808000`, err: "longer than need be"},
}

func TestReadEndsEarly(t *testing.T) {
	t.Parallel()
	wire := "\x32\x81\x01\x00\x01t\x00\x01" + strings.Repeat("x", 124)
	for n := range wire {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, err := read([]byte(wire[:n])); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, want %v", n, err, want)
		}
	}
	if _, err := read([]byte(wire)); err != nil {
		t.Error(err)
	}
}

func TestReadLimit(t *testing.T) {
	t.Parallel()
	const wire = "\x30\x0a\x00\x01tpayload"
	for limit, want := range map[int]error{9: ErrTooLong, 10: nil} {
		_, err := Read(bufio.NewReader(strings.NewReader(wire)), limit)
		if !errors.Is(err, want) {
			t.Errorf("limit %d: %v, want %v", limit, err, want)
		}
	}
}

// TestReadBounded checks that a length costs nothing before the limit is
// checked.
func TestReadBounded(t *testing.T) {
	r := bufio.NewReader(nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		r.Reset(strings.NewReader("\x30\xff\xff\xff\x7f"))
		if _, err := Read(r, 1<<18); !errors.Is(err, ErrTooLong) {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / 100; got > 1<<10 {
		t.Errorf("%d bytes for a packet that is too long", got)
	}
}

func TestAppendRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 65536)
	for name, p := range map[string]Packet{
		"topic of 65536 bytes":     &Publish{Topic: long},
		"no topic":                 &Publish{},
		"QoS 1 without an id":      &Publish{Topic: "t", QoS: AtLeastOnce},
		"id with QoS 0":            &Publish{Topic: "t", ID: 1},
		"client id too long":       &Connect{ClientID: long},
		"password too long":        &Connect{Username: new("u"), Password: Password(long)},
		"will too long":            &Connect{Will: &Will{Topic: "t", Payload: []byte(long)}},
		"no filters":               &Subscribe{ID: 1},
		"packet of 256 MB":         &Publish{Topic: "t", Payload: make([]byte, maxLength)},
		"refusal with a session":   &ConnAck{SessionPresent: true, Code: NotAuthorized},
		"granted what nobody asks": &SubAck{ID: 1, Granted: []QoS{3}},
	} {
		if b, err := Append([]byte("before"), p); !errors.Is(err, ErrMalformed) || !bytes.Equal(b, []byte("before")) {
			t.Errorf("%s: %v, %d bytes", name, err, len(b))
		}
	}
}
