package console

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// parse returns settings as a program with the arguments has them.
func parse(t *testing.T, args ...string) *Settings {
	t.Helper()
	var s Settings
	cmd := &cobra.Command{Use: "tool"}
	s.AddFlags(new(Console), cmd, "127.0.0.1:5672")
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return &s
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "settings.env")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestGetPrefersTheEnvironment(t *testing.T) {
	for _, test := range []struct {
		name             string
		file             string
		main, alt        string // in the environment
		want, wantDevice string
	}{
		{"nothing", "", "", "", "", ""},
		{"file", EnvService + "=a", "", "", "a", ""},
		{"file, other name", EnvServiceAlt + "=b", "", "", "b", ""},
		{"file, both names", EnvService + "=a\n" + EnvServiceAlt + "=b", "", "", "a", ""},
		{"environment", EnvService + "=a", "c", "", "c", ""},
		{"environment, other name, before the file", EnvService + "=a", "", "d", "d", ""},
		{"quotes and comments", "# one\n" + EnvService + "='a;b=c==' # two\n" + EnvDeviceID + "=\"x\"\n", "", "", "a;b=c==", "x"},
		{"byte order mark", "\uFEFF" + EnvService + "=a", "", "", "a", ""},
		{"export", "export " + EnvDeviceID + "=x", "", "", "", "x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(EnvService, test.main)
			t.Setenv(EnvServiceAlt, test.alt)
			t.Setenv(EnvDeviceID, "")
			s := parse(t, "--env-file", writeFile(t, test.file))
			if err := s.Load(); err != nil {
				t.Fatal(err)
			}
			if got := s.Get(EnvService, EnvServiceAlt); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if got := s.Get(EnvDeviceID); got != test.wantDevice {
				t.Errorf("got device %q, want %q", got, test.wantDevice)
			}
		})
	}
}

func TestLoadErrorsQuoteNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"SharedAccessKey secret",
		"A='secret",
		"IOTHUB CONNECTION=secret",
		"secret",
		"=secret",
	} {
		err := parse(t, "--env-file", writeFile(t, text)).Load()
		if err == nil || codeOf(err) != ExitUsage {
			t.Errorf("%q: got %v, want a usage error", text, err)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error quotes it: %v", text, err)
		}
	}
}

func TestLoadWithoutFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := parse(t).Load(); err != nil {
		t.Errorf("no .env: %v", err)
	}
	err := parse(t, "--env-file", "missing").Load()
	if want := "read missing: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestContradictions(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--local", "-c", "x"}, {"--env-file", t.TempDir()},
	} {
		if err := parse(t, args...).Load(); err == nil || codeOf(err) != ExitUsage {
			t.Errorf("%q: got %v, want a usage error", args, err)
		}
	}
}

func TestEmptyFlags(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string // empty: no error
	}{
		{nil, ""},
		{[]string{"-c", "x", "--local"}, ""},
		{[]string{"-c", ""}, "--connection-string is empty"},
		{[]string{"--local="}, "--local is empty"},
		{[]string{"--list", "a", "--list", ""}, "--list is empty"},
	} {
		var s Settings
		cmd := &cobra.Command{Use: "tool"}
		s.AddFlags(new(Console), cmd, "127.0.0.1:5672")
		cmd.Flags().StringArray("list", nil, "")
		if err := cmd.ParseFlags(test.args); err != nil {
			t.Fatal(err)
		}
		if err := checkFlags(cmd.Flags()); test.want == "" && err != nil || test.want != "" && (err == nil || err.Error() != test.want) {
			t.Errorf("%q: got %v, want %q", test.args, err, test.want)
		}
	}
}

func TestLocalAddress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args  []string
		want  string
		asked bool
	}{
		{nil, "127.0.0.1:5672", false},
		{[]string{"--local"}, "127.0.0.1:5672", true},
		{[]string{"--local=localhost:1"}, "localhost:1", true},
		{[]string{"--local=localhost"}, "localhost:5672", true},
		{[]string{"--local=::1"}, "[::1]:5672", true},
		{[]string{"--local=[::1]"}, "[::1]:5672", true},
	} {
		if got, asked := parse(t, test.args...).LocalAddress(); got != test.want || asked != test.asked {
			t.Errorf("%q: got %q, %v, want %q, %v", test.args, got, asked, test.want, test.asked)
		}
	}
}

func TestLogger(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, ""},
		{[]string{"-v"}, "level=INFO msg=hello error=\"SharedAccessKey=REDACTED\"\n"},
	} {
		var b bytes.Buffer
		c := &Console{Err: &b}
		c.Logger(parse(t, test.args...)).Info("hello", "error", errors.New("SharedAccessKey=abc"))
		if got := b.String(); got != test.want {
			t.Errorf("%q: got %q, want %q", test.args, got, test.want)
		}
	}
}

func TestArgs(t *testing.T) {
	t.Parallel()
	cmd := &cobra.Command{Use: "tool", Run: func(*cobra.Command, []string) {}}
	cmd.AddCommand(&cobra.Command{Use: "hub", Run: func(*cobra.Command, []string) {}})
	for _, test := range []struct {
		n    int
		args []string
		hint string // empty: no error
	}{
		{0, nil, ""},
		{1, []string{"a"}, ""},
		{0, []string{"hbu"}, "did you mean hub?"},
		{0, []string{"zzzzzz"}, "--local=HOST:PORT"},
		{1, []string{"a", "b"}, "in quotes"},
	} {
		err := Args(test.n)(cmd, test.args)
		if (err == nil) != (test.hint == "") {
			t.Errorf("%d, %q: got %v", test.n, test.args, err)
		}
		if err != nil && (codeOf(err) != ExitUsage || !strings.Contains(hintFor(err), test.hint)) {
			t.Errorf("%d, %q: got %v with hint %q, want %q", test.n, test.args, err, hintFor(err), test.hint)
		}
	}
}

func TestCheckDeviceID(t *testing.T) {
	t.Parallel()
	for id, ok := range map[string]bool{
		"myFirstDevice": true, "a:b.c%_#*?!(),=@$'": true, strings.Repeat("x", 128): true,
		"": false, "a b": false, "a/b": false, "a;b": false, "é": false, strings.Repeat("x", 129): false,
	} {
		if err := CheckDeviceID(id); (err == nil) != ok {
			t.Errorf("%q: got %v", id, err)
		} else if err != nil && id != "" && strings.Contains(err.Error(), id) {
			t.Errorf("%q: the error quotes it: %v", id, err)
		}
	}
}
