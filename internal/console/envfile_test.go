package console

import (
	"encoding/binary"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParseEnv(t *testing.T) {
	t.Parallel()
	one := func(value string) map[string]string { return map[string]string{"A": value} }
	for _, test := range []struct {
		name, text string
		want       map[string]string
	}{
		{"nothing", "", map[string]string{}},
		{"comments", "# one\n\n  # two", map[string]string{}},
		{"bare", "A=b", one("b")},
		{"spaces", " A = b ", one("b")},
		{"Windows lines", "A=b\r\nC=d\r\n", map[string]string{"A": "b", "C": "d"}},
		{"comment behind", "A=b # c", one("b")},
		{"no comment", "A=b#c", one("b#c")},
		{"empty", "A=", one("")},
		{"last one counts", "A=b\nA=c", one("c")},
		{"export", "export A=b", one("b")},
		{"connection string", "A=HostName=h;SharedAccessKey=AA==", one("HostName=h;SharedAccessKey=AA==")},

		{"dollar, bare", "A=SN$0001", one("SN$0001")},
		{"dollar, double quotes", `A="SN$0001"`, one("SN$0001")},
		{"dollar, single quotes", `A='SN$0001'`, one("SN$0001")},
		{"dollar in a connection string", "A=HostName=h;DeviceId=SN$0001;x509=true", one("HostName=h;DeviceId=SN$0001;x509=true")},
		{"another setting's name", "B=c\nA=$B", map[string]string{"A": "$B", "B": "c"}},
		{"another setting's name in braces", "B=c\nA=\"${B}\"", map[string]string{"A": "${B}", "B": "c"}},
		{"command", "A=$(B)", one("$(B)")},
		{"dollars only", "A=$$", one("$$")},
		{"dollars in a row", "A=$$B$C$", one("$$B$C$")},
		{"dollar first", `A="$B"`, one("$B")},
		{"escaped, bare", `A=SN\$0001`, one("SN$0001")},
		{"escaped, double quotes", `A="SN\$0001"`, one("SN$0001")},
		{"escaped, single quotes", `A='SN\$0001'`, one(`SN\$0001`)},
		{"private use character", "A=\uE000$B", one("\uE000$B")},

		{"several lines in quotes", "A=\"b\n$C\nd\" # e\nF=g", map[string]string{"A": "b\n$C\nd", "F": "g"}},
		{"escaped line end", `A="b\nc"`, one("b\nc")},
		{"quote within", `A="b\"c"`, one(`b"c`)},
		{"two on a line", `A="b" C=d`, map[string]string{"A": "b", "C": "d"}},
		{"colon", "A: b", one("b")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseEnv([]byte(test.text))
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("error %v, (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestParseEnvErrorsNameTheLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"secret", "line 1: not in the form NAME=value"},
		{"A=b\n\n# c\nsecret", "line 4: not in the form NAME=value"},
		{"A=b\r\nsecret\r\nC=d", "line 2: not in the form NAME=value"},
		{"A='b\nc'\nA secret", "line 3: not in the form NAME=value"},
		{"A=b\nC='secret\nD=e", "line 2: not in the form NAME=value"},
		{"A=b\nC=\"secret\nD=\"e\"", "line 2: not in the form NAME=value"},
		{"=secret", "line 1: not in the form NAME=value"},
		{"A B=secret", "line 1: not in the form NAME=value"},
		{"$A=secret", "line 1: not in the form NAME=value"},
		{"A$B=secret", "line 1: not in the form NAME=value"},
		{"A\x00=secret", "line 1: not in the form NAME=value"},
		{"1A=secret", "line 1: not in the form NAME=value"},
		{"\xff\xfeA", "its UTF-16 is cut off"},
	} {
		if _, err := parseEnv([]byte(test.text)); err == nil || err.Error() != test.want {
			t.Errorf("%q: got %v, want %s", test.text, err, test.want)
		}
	}
}

// encodeUTF16 returns text in UTF-16 with a byte order mark.
func encodeUTF16(text string, order binary.AppendByteOrder) (out []byte) {
	for _, unit := range utf16.Encode([]rune("\uFEFF" + text)) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

func TestParseEnvEncodings(t *testing.T) {
	t.Parallel()
	const text = "A=SN$0001\r\nB='é🙂'\r\n"
	want := map[string]string{"A": "SN$0001", "B": "é🙂"}
	for name, encoded := range map[string][]byte{
		"UTF-8":                        []byte(text),
		"UTF-8 with a byte order mark": []byte("\uFEFF" + text),
		"UTF-16, little-endian":        encodeUTF16(text, binary.LittleEndian),
		"UTF-16, big-endian":           encodeUTF16(text, binary.BigEndian),
	} {
		got, err := parseEnv(encoded)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v, (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestEnvFileTooLarge(t *testing.T) {
	t.Parallel()
	_, err := readEnvFile(writeFile(t, strings.Repeat("# comment\n", maxEnvFile/10+1)))
	if err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("got %v", err)
	}
}

var parseEnvErrors = regexp.MustCompile(`^line \d+: not in the form NAME=value$|^its UTF-16 is cut off$`)

// FuzzParseEnv: no text makes the parser fail in another way, or quote it in an
// error.
func FuzzParseEnv(f *testing.F) {
	for _, seed := range []string{"A=b\n", "A=$B", "A='b\nc'", `A="${B}"`, "export A: b", "secret", "\xff\xfeA\x00=\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		env, err := parseEnv(text)
		if err != nil && !parseEnvErrors.MatchString(err.Error()) {
			t.Errorf("error %q", err)
		}
		for name := range env {
			if !variableName.MatchString(name) {
				t.Errorf("name %q", name)
			}
		}
	})
}

// FuzzEnvValue: a value without quotes, backslashes and comments is read as it is
// written, bare and in quotes.
func FuzzEnvValue(f *testing.F) {
	for _, seed := range []string{"", "SN$0001", "${A}", "$(A)", "HostName=h;SharedAccessKey=AA==", "a b", "\uE000$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		plain := utf8.ValidString(value) && strings.TrimSpace(value) == value && !strings.ContainsAny(value, "\"'\\#") &&
			!strings.ContainsFunc(value, unicode.IsControl)
		if !plain {
			return
		}
		for _, text := range []string{"A=" + value, `A="` + value + `"`, "A='" + value + "'"} {
			env, err := parseEnv([]byte(text))
			if got := env["A"]; err != nil || got != value {
				t.Errorf("%q: got %q, %v", text, got, err)
			}
		}
	})
}
