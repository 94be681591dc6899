package console

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"strings"
	"unicode/utf16"

	"github.com/joho/godotenv"
)

// maxEnvFile bounds a .env file, in bytes, against other files and devices that
// --env-file may name by mistake.
const maxEnvFile = 1 << 20

// defaultEnvFile is read if no other file is named.
const defaultEnvFile = ".env"

// readEnvFile reads the settings of a file. The default .env may be missing.
func readEnvFile(name string) (map[string]string, error) {
	path := cmp.Or(name, defaultEnvFile)
	file, err := os.Open(path) //nolint:gosec // the user names it
	if errors.Is(err, fs.ErrNotExist) && name == "" {
		return nil, nil
	}
	var text []byte
	if err == nil {
		defer file.Close() //nolint:errcheck // it was only read
		text, err = io.ReadAll(io.LimitReader(file, maxEnvFile+1))
	}
	switch {
	case err != nil:
		return nil, Usage(fmt.Errorf("read %s: %w", path, pathReason(err)), "")
	case len(text) > maxEnvFile:
		return nil, Usagef("read %s: it has more than %d bytes", path, maxEnvFile)
	}
	env, err := parseEnv(text)
	if err != nil {
		return nil, Usage(fmt.Errorf("read %s: %w", path, err), "each line is NAME=value, as `simulated-device hub` prints them")
	}
	return env, nil
}

// parseEnv reads a .env file. Errors name the line and do not quote it: it may
// hold a key.
func parseEnv(text []byte) (map[string]string, error) {
	decoded, err := decodeText(text)
	if err != nil {
		return nil, err
	}
	env := make(map[string]string)
	lines := strings.SplitAfter(decoded, "\n")
	for i := 0; i < len(lines); {
		settings, n := parseStatement(lines[i:])
		if n == 0 {
			return nil, fmt.Errorf("line %d: not in the form NAME=value", i+1)
		}
		maps.Copy(env, settings)
		i += n
	}
	return env, nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// parseStatement reads the first line, or the first lines if a value in quotes
// goes on. It returns how many lines it has read, 0 if they are malformed.
func parseStatement(lines []string) (settings map[string]string, n int) {
	for n := 1; n <= len(lines); n++ {
		if n > 1 && !strings.ContainsAny(lines[n-1], `"'`) {
			continue // the value cannot end here
		}
		settings, err := parseLiterally(strings.Join(lines[:n], ""))
		if err != nil {
			continue
		}
		for name := range settings {
			if !variableName.MatchString(name) { // the parser takes "A B=C" for one
				return nil, 0
			}
		}
		return settings, n
	}
	return nil, 0
}

// parseLiterally reads settings without replacing $NAME by the value of another
// setting, which the parser does outside of single quotes. It finds none: every $
// is hidden from it. A $ after a backslash, where users kept it from the parser,
// is not replaced anyway, and loses the backslash.
func parseLiterally(text string) (map[string]string, error) {
	hidden := '\uE000' // for private use (Unicode 23.5), so unlikely in any text
	for strings.ContainsRune(text, hidden) {
		hidden++
	}
	hide := strings.NewReplacer(`\$`, `\$`, "$", string(hidden))
	settings, err := godotenv.Unmarshal(hide.Replace(text))
	for name, value := range settings {
		settings[name] = strings.ReplaceAll(value, string(hidden), "$")
	}
	return settings, err
}

// decodeText decodes UTF-8, and UTF-16 with a byte order mark, which is what >
// writes in Windows PowerShell 5.
func decodeText(text []byte) (string, error) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(text, []byte{0xFF, 0xFE}):
		order = binary.LittleEndian
	case bytes.HasPrefix(text, []byte{0xFE, 0xFF}):
		order = binary.BigEndian
	default:
		return strings.TrimPrefix(string(text), "\uFEFF"), nil
	}
	if len(text)%2 != 0 {
		return "", errors.New("its UTF-16 is cut off")
	}
	units := make([]uint16, len(text)/2-1)
	for i := range units {
		units[i] = order.Uint16(text[2*i+2:])
	}
	return string(utf16.Decode(units)), nil
}

// pathReason returns err without the path, for callers that name the path.
func pathReason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
