package console

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// parse returns the flags of a program with the arguments.
func parse(t *testing.T, c *Console, args ...string) *HubFlags {
	t.Helper()
	var h HubFlags
	cmd := &cobra.Command{Use: "tool"}
	h.Add(c, cmd, "127.0.0.1:5672", EnvDevice)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return &h
}

// settings returns the settings of a program with the arguments.
func settings(t *testing.T, args ...string) (*Settings, error) {
	t.Helper()
	return parse(t, new(Console), args...).Settings()
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
			s, err := settings(t, "--env-file", writeFile(t, test.file))
			if err != nil {
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
		_, err := settings(t, "--env-file", writeFile(t, text))
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
	if _, err := settings(t); err != nil {
		t.Errorf("no .env: %v", err)
	}
	_, err := settings(t, "--env-file", "missing")
	if want := "read missing: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestContradictions(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--local", "-c", "x"}, {"--env-file", t.TempDir()},
	} {
		if _, err := settings(t, args...); err == nil || codeOf(err) != ExitUsage {
			t.Errorf("%q: got %v, want a usage error", args, err)
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
		s, err := settings(t, test.args...)
		if err != nil {
			t.Fatal(err)
		}
		if got, asked, err := s.LocalAddress(); got != test.want || asked != test.asked || err != nil {
			t.Errorf("%q: got %q, %v, %v, want %q, %v", test.args, got, asked, err, test.want, test.asked)
		}
	}
}

func TestLocalAddressOfAnotherMachine(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"example.com", "example.com:5672", "10.1.1.1:5672", "127.0.0.1:", "127.0.0.1:x", "a b"} {
		s, err := settings(t, "--local="+address)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.LocalAddress(); err == nil || codeOf(err) != ExitUsage {
			t.Errorf("%q: got %v, want a usage error", address, err)
		}
	}
}

func TestConnectionString(t *testing.T) {
	file := writeFile(t, EnvDevice+"=d")
	for _, test := range []struct {
		args        []string
		environment string
		want        string
		source      string
	}{
		{nil, "", "", ""},
		{nil, "e", "e", "the environment"},
		{[]string{"--env-file", file}, "", "d", file},
		{[]string{"--env-file", file}, "e", "e", "the environment"},
		{[]string{"-c", "f"}, "e", "f", "--connection-string"},
		{[]string{"--local"}, "e", "", "--local"},
	} {
		t.Setenv(EnvDevice, test.environment)
		s, err := settings(t, test.args...)
		if err != nil {
			t.Fatal(err)
		}
		if got, source := s.ConnectionString(), s.Source(); got != test.want || source != test.source {
			t.Errorf("%q, %q: got %q from %q, want %q from %q", test.args, test.environment, got, source, test.want, test.source)
		}
	}
}

func TestCheckDeviceID(t *testing.T) {
	t.Parallel()
	for id, ok := range map[string]bool{
		"myFirstDevice": true, "a:b.c%_#*?!(),=@$'": true, strings.Repeat("x", 128): true,
		"": false, "a b": false, "a/b": false, "a;b": false, "é": false, strings.Repeat("x", 129): false,
	} {
		if err := CheckModuleID(id); (err == nil) != ok {
			t.Errorf("%q: got %v for a module", id, err)
		}
		if err := CheckDeviceID(id); (err == nil) != ok {
			t.Errorf("%q: got %v", id, err)
		} else if err != nil && id != "" && strings.Contains(err.Error(), id) {
			t.Errorf("%q: the error quotes it: %v", id, err)
		}
	}
}
