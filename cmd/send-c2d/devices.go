package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"iothub-c2d/internal/console"
)

// maxDevices bounds the devices of a run.
const maxDevices = 1_000_000

// namedDevices returns the devices of --device-id and --devices-file, each once, in
// order; none if there are no such flags.
func (m *messageFlags) namedDevices(ctx context.Context, c *console.Console) (ids []string, err error) {
	for _, id := range m.devices {
		if ids, err = expand(ids, id); err != nil {
			return nil, err
		}
	}
	if m.devicesFile != "" {
		if ids, err = m.readDevices(ctx, c, ids); err != nil {
			return nil, err
		}
	}
	seen := make(map[string]bool, len(ids))
	unique := ids[:0]
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			unique = append(unique, id)
		}
	}
	if n := len(ids) - len(unique); n > 0 {
		c.Note("Devices that are named more than once get each message once: %d of %d names are left out.", n, len(ids))
	}
	return unique, checkDevices(unique)
}

// numbers is a range in a device id, as shells write it. No id has braces.
var numbers = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{(\d{1,9})\.\.(\d{1,9})\}`) })

// expand adds a device id to a list, or all ids of its ranges. As in shells, a number
// that begins with 0 makes all as long as the longer one.
func expand(list []string, id string) ([]string, error) {
	if !strings.Contains(id, "{") {
		return append(list, id), nil
	}
	at := numbers().FindStringSubmatchIndex(id)
	if at == nil {
		return append(list, id), nil
	}
	first, last := id[at[2]:at[3]], id[at[4]:at[5]]
	from, _ := strconv.Atoi(first) // digits, and few
	to, _ := strconv.Atoi(last)
	width := 0
	if len(first) > 1 && first[0] == '0' || len(last) > 1 && last[0] == '0' {
		width = max(len(first), len(last))
	}
	if from > to {
		return nil, console.Usagef("--device-id: the range %s..%s runs backwards", first, last)
	}
	for n := from; n <= to; n++ {
		var err error
		if list, err = expand(list, fmt.Sprintf("%s%0*d%s", id[:at[0]], width, n, id[at[1]:])); err != nil {
			return nil, err
		}
		if len(list) > maxDevices {
			return nil, tooManyDevices("--device-id")
		}
	}
	return list, nil
}

func tooManyDevices(where string) error {
	return console.Usagef("%s names more than %d devices", where, maxDevices)
}

// readDevices adds the ids of --devices-file to a list: one a line. Empty lines are
// left out, and those that begin with #.
func (m *messageFlags) readDevices(ctx context.Context, c *console.Console, list []string) ([]string, error) {
	if m.devicesFile == "-" && m.readsInput() {
		return nil, console.Usage(errors.New("standard input cannot be both the devices and the messages"), "put one of them into a file")
	}
	file, err := c.Open(ctx, m.devicesFile)
	if err != nil {
		return nil, err
	}
	before := len(list)
	scanner := bufio.NewScanner(file)
	for number := 1; scanner.Scan(); number++ {
		id := strings.TrimSpace(strings.TrimPrefix(scanner.Text(), "\ufeff"))
		switch {
		case id == "", id[0] == '#':
			continue
		case len(list) == maxDevices:
			return nil, tooManyDevices("--devices-file")
		}
		if err := console.CheckDeviceID(id); err != nil {
			return nil, fmt.Errorf("--devices-file, line %d: %w", number, err)
		}
		list = append(list, id)
	}
	switch err := scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, console.Usagef("--devices-file has a line that is no device id")
	case err != nil:
		return nil, readError(m.devicesFile, err)
	case len(list) == before:
		return nil, console.Usage(fmt.Errorf("--devices-file: %s names no device", m.devicesFile), "it has a device id on each line; --failed-out leaves it empty when nothing has failed")
	}
	return list, nil
}

// readsInput reports whether messages come from standard input.
func (m *messageFlags) readsInput() bool {
	return m.file == "-" || m.file == "" && (m.lines || m.jsonLines)
}
