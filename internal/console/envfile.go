package console

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"

	"github.com/joho/godotenv"
)

// Load reads the .env file. It must run before Get.
func (s *Settings) Load() error {
	if s.Local != "" && s.ConnectionString != "" {
		return Usagef("--local and --connection-string exclude each other")
	}
	path := cmp.Or(s.EnvFile, ".env")
	text, err := os.ReadFile(path) //nolint:gosec // the user names it
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.EnvFile == "":
		return nil
	case err != nil:
		return Usage(fmt.Errorf("read %s: %w", path, pathReason(err)), "")
	}
	if s.env, err = parseEnv(text); err != nil {
		return Usage(fmt.Errorf("read %s: %w", path, err), "each line is NAME=value, as `simulated-device hub` prints them")
	}
	return nil
}

var variableNames = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// parseEnv reads the lines of a .env file. Its errors do not quote them: they
// may hold a key.
func parseEnv(text []byte) (map[string]string, error) {
	env, err := godotenv.UnmarshalBytes(bytes.TrimPrefix(text, []byte("\uFEFF"))) // a byte order mark, which Windows likes
	for name := range env {
		if !variableNames.MatchString(name) {
			err = errors.New("a line has no name") // the parser takes "A B=C" for one
		}
	}
	if err != nil {
		return nil, errors.New("not in the form NAME=value")
	}
	return env, nil
}

// pathReason takes the path off err, which the caller names itself.
func pathReason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
