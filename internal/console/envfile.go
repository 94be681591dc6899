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

// readEnvFile reads the settings of a file. The default .env may be missing.
func readEnvFile(name string) (map[string]string, error) {
	path := cmp.Or(name, ".env")
	text, err := os.ReadFile(path) //nolint:gosec // the user names it
	switch {
	case errors.Is(err, fs.ErrNotExist) && name == "":
		return nil, nil
	case err != nil:
		return nil, Usage(fmt.Errorf("read %s: %w", path, pathReason(err)), "")
	}
	env, err := parseEnv(text)
	if err != nil {
		return nil, Usage(fmt.Errorf("read %s: %w", path, err), "each line is NAME=value, as `simulated-device hub` prints them")
	}
	return env, nil
}

var variableNames = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// parseEnv reads the lines of a .env file. Its errors do not quote them: they
// may hold a key.
func parseEnv(text []byte) (map[string]string, error) {
	env, err := godotenv.UnmarshalBytes(bytes.TrimPrefix(text, []byte("\uFEFF"))) // the byte order mark of Windows programs
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

// pathReason returns err without the path, for callers that name the path.
func pathReason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
