package amqpwire

import (
	"testing"
	"time"
)

func TestMapGet(t *testing.T) {
	t.Parallel()
	m := Map{
		{uint64(1), "by number"},
		{Symbol("symbol"), "a"},
		{"string", Symbol("b")},
		{Symbol("twice"), "first"},
		{"twice", "second"},
		{"null", nil},
		{List{}, "by list"},
	}
	tests := []struct {
		key    string
		want   any
		ok     bool
		string string
	}{
		{"symbol", "a", true, "a"},
		{"string", Symbol("b"), true, "b"},
		{"twice", "first", true, "first"},
		{"null", nil, true, ""},
		{"1", nil, false, ""},
		{"", nil, false, ""},
	}
	for _, tt := range tests {
		got, ok := m.Get(tt.key)
		if got != tt.want || ok != tt.ok {
			t.Errorf("Get(%q) = %v, %t, want %v, %t", tt.key, got, ok, tt.want, tt.ok)
		}
		if got := m.String(tt.key); got != tt.string {
			t.Errorf("String(%q) = %q, want %q", tt.key, got, tt.string)
		}
	}
	if got, ok := Map(nil).Get("key"); got != nil || ok {
		t.Errorf("Get on a nil map = %v, %t", got, ok)
	}
}

func TestUUIDString(t *testing.T) {
	t.Parallel()
	u := UUID{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	tests := []struct {
		u    UUID
		want string
	}{
		{u, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"},
		{UUID{}, "00000000-0000-0000-0000-000000000000"},
	}
	for _, tt := range tests {
		if got := tt.u.String(); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestTimestamp(t *testing.T) {
	t.Parallel()
	tests := []struct {
		time string
		want Timestamp
	}{
		{"1970-01-01T00:00:00Z", 0},
		{"2017-08-17T10:48:44.530Z", 1502966924530},
		{"2017-08-17T12:48:44.530+02:00", 1502966924530},
		{"1969-12-31T23:59:59.999Z", -1},
		{"0001-01-01T00:00:00Z", -62135596800000},
		{"9999-12-31T23:59:59.999Z", 253402300799999},
	}
	for _, tt := range tests {
		in, err := time.Parse(time.RFC3339Nano, tt.time)
		if err != nil {
			t.Fatal(err)
		}
		got := NewTimestamp(in)
		if got != tt.want {
			t.Errorf("%s is %d, want %d", tt.time, got, tt.want)
		}
		if back := got.Time(); !back.Equal(in) || back.Location() != time.UTC {
			t.Errorf("%s came back as %s", tt.time, back)
		}
	}
	if got := NewTimestamp(time.Unix(0, 1_999_999)); got != 1 {
		t.Errorf("1.999999 ms after the epoch is %d, want 1", got)
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  Error
		want string
	}{
		{Error{Condition: "amqp:not-found"}, "amqp:not-found"},
		{Error{Condition: "amqp:not-found", Description: "no such device"}, "amqp:not-found: no such device"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
