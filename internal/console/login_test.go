package console

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestLogin: the first place that says how to log in decides, and may leave one half of
// it to weaker ones.
func TestLogin(t *testing.T) {
	const host, command, text = EnvHost, EnvTokenCommand, EnvService
	for _, test := range []struct {
		name        string
		args        []string
		environment map[string]string
		file        string
		want        login
		err         string
	}{
		{"nothing", nil, nil, "", login{}, ""},
		{"flags", []string{"--host", "h", "--token-command", "c"}, map[string]string{text: "t", host: "x", command: "x"}, "", login{source: "--host", host: "h", command: "c"}, ""},
		{"environment", nil, map[string]string{host: "h", command: "c"}, text + "=t", login{source: "the environment", host: "h", command: "c"}, ""},
		{"file", nil, nil, host + "=h\n" + command + "=c", login{source: "FILE", host: "h", command: "c"}, ""},
		{"flag and environment", []string{"--host", "h"}, map[string]string{command: "c"}, "", login{source: "--host", host: "h", command: "c"}, ""},
		{"flag and file", []string{"--token-command", "c"}, map[string]string{text: "t"}, host + "=h", login{source: "--token-command", host: "h", command: "c"}, ""},
		{"environment and file", nil, map[string]string{command: "c"}, host + "=h", login{source: "the environment", host: "h", command: "c"}, ""},
		{"string before a weaker one", nil, map[string]string{text: "t"}, host + "=h\n" + command + "=c", login{source: "the environment", text: "t", variable: text}, ""},
		{"string by a flag", []string{"-c", "t"}, map[string]string{host: "h", command: "c"}, "", login{source: "--connection-string", text: "t"}, ""},
		{"local", []string{"--local"}, map[string]string{host: "h", command: "c"}, "", login{source: "--local"}, ""},
		{"local, with tokens", []string{"--local", "--token-command", "c"}, map[string]string{host: "h"}, "", login{source: "--local", command: "c"}, ""},
		{"port", []string{"--host", "localhost:5671", "--token-command", "c"}, nil, "", login{source: "--host", host: "localhost:5671", command: "c"}, ""},

		{"both", nil, map[string]string{EnvServiceAlt: "t", command: "c"}, "", login{}, EnvServiceAlt + " and " + command + " are both set in the environment"},
		{"both in the file", nil, nil, text + "=t\n" + host + "=h", login{}, text + " and " + host + " are both set in FILE"},
		{"no command", []string{"--host", "h"}, map[string]string{text: "t"}, "", login{}, "no command that prints a token"},
		{"no host", nil, map[string]string{command: "c"}, text + "=t", login{}, "but no hub"},
		{"URL", []string{"--host", "https://h", "--token-command", "c"}, nil, "", login{}, "is no host name"},
		{"host and string", []string{"--host", "h", "-c", "t"}, nil, "", login{}, "--host and --connection-string exclude each other"},
		{"host and local", []string{"--host", "h", "--local"}, nil, "", login{}, "--host and --local exclude each other"},
		{"command and string", []string{"--token-command", "c", "-c", "t"}, nil, "", login{}, "--token-command and --connection-string exclude each other"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, name := range []string{EnvService, EnvServiceAlt, EnvHost, EnvTokenCommand} {
				t.Setenv(name, test.environment[name])
			}
			file := writeFile(t, test.file)
			var h HubFlags
			cmd := &cobra.Command{Use: "tool"}
			h.Add(new(Console), cmd, "127.0.0.1:5672", EnvService, EnvServiceAlt)
			if err := cmd.ParseFlags(append(test.args, "--env-file", file)); err != nil {
				t.Fatal(err)
			}
			s, err := h.Settings()
			if test.err != "" {
				if want := strings.ReplaceAll(test.err, "FILE", file); err == nil || codeOf(err) != ExitUsage || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want a usage error with %q", err, want)
				}
				return
			}
			if test.want.source == "FILE" {
				test.want.source = file
			}
			if err != nil || s.login != test.want {
				t.Errorf("got %+v, %v, want %+v", s.login, err, test.want)
			}
		})
	}
}

// TestStrangersFile: the .env of the directory, which nobody has named, neither runs a
// command nor says who is shown a token. A file that is named does.
func TestStrangersFile(t *testing.T) {
	t.Chdir(t.TempDir())
	const host, command = EnvHost + "=h\n", EnvTokenCommand + "=c\n"
	for _, test := range []struct {
		name, file  string
		args        []string
		environment map[string]string
		err         string // empty: it logs in
	}{
		{"both", host + command, nil, nil, EnvHost + " in .env is not used, since nobody has named that file"},
		{"command", command, nil, map[string]string{EnvHost: "h"}, EnvTokenCommand + " in .env is not used"},
		{"command for a flag", command, []string{"--host", "h"}, nil, EnvTokenCommand + " in .env is not used"},
		{"hub", host, nil, map[string]string{EnvTokenCommand: "c"}, EnvHost + " in .env is not used"},
		{"hub for a flag", host, []string{"--token-command", "c"}, nil, EnvHost + " in .env is not used"},
		{"named", host + command, []string{"--env-file", ".env"}, nil, ""},
		{"neither is needed", host + command, []string{"--host", "h", "--token-command", "c"}, nil, ""},
		{"nor by the environment", host + command, nil, map[string]string{EnvHost: "h", EnvTokenCommand: "c"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, name := range []string{EnvService, EnvServiceAlt, EnvHost, EnvTokenCommand} {
				t.Setenv(name, test.environment[name])
			}
			if err := os.WriteFile(".env", []byte(test.file), 0o600); err != nil {
				t.Fatal(err)
			}
			var h HubFlags
			cmd := &cobra.Command{Use: "tool"}
			h.Add(new(Console), cmd, "127.0.0.1:5672", EnvService, EnvServiceAlt)
			if err := cmd.ParseFlags(test.args); err != nil {
				t.Fatal(err)
			}
			s, err := h.Settings()
			switch {
			case test.err == "" && (err != nil || s.login.host != "h" || s.login.command != "c"):
				t.Errorf("got %+v, %v", s, err)
			case test.err != "" && (err == nil || codeOf(err) != ExitUsage || !strings.Contains(err.Error(), test.err)):
				t.Errorf("got %v, want a usage error with %q", err, test.err)
			}
		})
	}
}

// TestDevicesHaveNoEntra: the variables of a back end mean nothing to a device.
func TestDevicesHaveNoEntra(t *testing.T) {
	t.Setenv(EnvHost, "h")
	t.Setenv(EnvTokenCommand, "c")
	t.Setenv(EnvDevice, "d")
	s, err := settings(t)
	if err != nil || s.ConnectionString() != "d" || s.UsesEntra() {
		t.Errorf("got %+v, %v", s, err)
	}
}
