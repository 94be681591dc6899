package console

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", ""},
		{"plain", "hello", "hello"},
		{"letters of all kinds", "héllo 日本 🙂 é", "héllo 日本 🙂 é"},
		{"backslash and quotes", `a\b"c'`, `a\b"c'`},
		{"colour", "\x1b[31mred", `\x1b[31mred`},
		{"line ends", "a\r\nb", `a\r\nb`},
		{"tab and bell", "\t\a", `\t\a`},
		{"NUL and DEL", "\x00\x7f", `\x00\x7f`},
		{"C1 control", "\u009b31m", `\u009b31m`},
		{"bare byte of C1", "\x9b31m", `\x9b31m`},
		{"not UTF-8", "a\xffb", `a\xffb`},
		{"the replacement character itself", "\ufffd", "\ufffd"},
		{"right to left override", "a\u202eb", `a\u202eb`},
		{"line separator", "a\u2028b", `a\u2028b`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := Printable(test.text); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// acts reports whether text does anything to a terminal but show.
func acts(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	})
}

func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"", "hello", "\x1b[2J", "\u009b", "\xc2", "a\u202eb", "\xff\xfe"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Printable(text)
		if !utf8.ValidString(got) || acts(got) {
			t.Errorf("%q became %q", text, got)
		}
		if again := Printable(got); again != got {
			t.Errorf("%q became %q at the second time", got, again)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{"", "<a&b>", "\x1b[2J", "\u009b\x7f", "\u2028", "a\u202eb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		line, err := JSON(map[string]string{text: text})
		if err != nil || acts(line) {
			t.Fatalf("got %q, %v", line, err)
		}
		var got map[string]string
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if utf8.ValidString(text) && got[text] != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}

func TestJSON(t *testing.T) {
	t.Parallel()
	got, err := JSON(map[string]string{"a": "<b>&\u009b\x7f\u202e\n"})
	if want := `{"a":"<b>&\u009b\u007f\u202e\n"}`; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if _, err := JSON(func() {}); err == nil {
		t.Error("a function was encoded")
	}
}

func TestScrub(t *testing.T) {
	t.Parallel()
	key32 := strings.Repeat("Ab+/", 10) + "abc="
	key64 := strings.Repeat("Ab+/", 21) + "ab=="
	for _, test := range []struct{ text, want string }{
		{"nothing to hide", "nothing to hide"},
		{"HostName=...;SharedAccessKeyName=...;SharedAccessKey=...", "HostName=...;SharedAccessKeyName=...;SharedAccessKey=..."},
		{"SharedAccessKeyName=service;SharedAccessKey=abc;x", "SharedAccessKeyName=service;SharedAccessKey=REDACTED;x"},
		{`"sharedaccesskey = abc"`, `"sharedaccesskey = REDACTED"`},
		{"SharedAccessSignature sr=h&sig=a%2Bb&se=1", "SharedAccessSignature sr=h&REDACTED&se=1"},
		{"key " + key32 + "!", "key REDACTED!"},
		{key64, "REDACTED"},
		{"7f3c0e8a-5d1b-4c57-9a55-6a3f6f0e6f57", "7f3c0e8a-5d1b-4c57-9a55-6a3f6f0e6f57"},
	} {
		if got := scrub(test.text); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestScrubber(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	line := "SharedAccessKey=abc\n"
	if n, err := (scrubber{&b}).Write([]byte(line)); n != len(line) || err != nil {
		t.Errorf("got %d, %v, want %d", n, err, len(line))
	}
	if got, want := b.String(), "SharedAccessKey=REDACTED\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 bytes", 1: "1 byte", 2: "2 bytes", 65536: "65536 bytes"} {
		if got := Count(n, "byte"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                           "0s",
		830_400:                     "830µs",
		2_314_159:                   "2.31ms",
		23_141_590:                  "23.1ms",
		231_415_900:                 "231ms",
		1_234_567_890:               "1.23s",
		12_345_678_900:              "12.3s",
		time.Minute + 2_700_000_000: "1m3s",
		3 * time.Hour:               "3h0m0s",
	} {
		if got := Span(d); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
