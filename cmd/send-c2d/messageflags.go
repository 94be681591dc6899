package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// messageFlags are those that describe the messages.
type messageFlags struct {
	given       func(name string) bool         // whether a flag is on the command line
	set         func(name, value string) error // puts it there
	arguments   []string                       // MESSAGE, or the text of --message, if it is given
	text        string
	devices     []string // as they are written
	devicesFile string
	module      string
	file        string
	lines       bool
	jsonLines   bool
	base64      bool
	count       int

	id, correlation, user        string
	contentType, contentEncoding string
	properties, lists            []string // of properties: one each, several each
	ttl                          console.Duration
	expiry                       string
	ack                          iothub.Ack
}

func (m *messageFlags) add(f *pflag.FlagSet) {
	m.given, m.set = f.Changed, f.Set
	addDeviceFlag(f, &m.devices, "to send to, or several: device-{0..99}")
	f.StringVar(&m.devicesFile, "devices-file", "", "send to the devices whose ids are in `FILE`, one a line (-: standard input)")
	f.StringVar(&m.module, "module-id", "", "send to the module `ID` of the device")
	f.StringVar(&m.text, "message", "", "send `TEXT`, whatever it looks like")
	console.MayBeEmpty(f.Lookup("message"))
	f.StringVarP(&m.file, "file", "f", "", "read the body from `PATH` (-: standard input)")
	f.BoolVarP(&m.lines, "lines", "l", false, "send each line of standard input, or of --file; a blank one is an empty message")
	f.BoolVar(&m.jsonLines, "jsonl", false, "each line is a whole message as JSON, as --output json of simulated-device prints it")
	f.BoolVar(&m.base64, "base64", false, "the body, or each line, is base64")
	f.IntVarP(&m.count, "count", "C", 0, "send `N` messages (default 1, or all lines)")
	f.StringArrayVarP(&m.properties, "property", "p", nil, "application property `K=V` (repeat)")
	f.StringArrayVar(&m.lists, "props", nil, "application properties as az takes them: `K=V;K=V`")
	f.Lookup("props").Hidden = true // the description names it, with the other names that az has
	f.StringVar(&m.id, "message-id", "", "message `ID` (default a new UUID for each)")
	f.StringVar(&m.correlation, "correlation-id", "", "correlation `ID`")
	f.StringVar(&m.user, "user-id", "", "user `ID`")
	f.StringVar(&m.contentType, "content-type", "", "media `TYPE`, such as application/json")
	f.StringVar(&m.contentEncoding, "content-encoding", "", "`NAME`, such as utf-8")
	f.Var(&m.ttl, "ttl", "how long the message lives (default the hub's, usually 1h)")
	f.StringVar(&m.expiry, "expiry", "", "when it expires: `TIME` in RFC 3339, or milliseconds since 1970")
	m.ack = iothub.AckFull
	f.Var(console.Choice(&m.ack, acks...), "ack", "feedback to ask for: full, positive, negative or none")
	console.Alias(f, azNames)
}

// azNames are flags by their names in the Azure CLI.
var azNames = map[string]string{
	"mid": "message-id", "cid": "correlation-id", "uid": "user-id",
	"ct": "content-type", "ce": "content-encoding",
	"data": "message", "data-file-path": "file", "properties": "props",
}

func (m *messageFlags) check() error {
	switch {
	case m.count < 0:
		return console.Usagef("--count takes a number from 0")
	case m.lines && m.jsonLines:
		return console.Usagef("--lines and --jsonl exclude each other")
	case m.base64 && m.jsonLines:
		return console.Usage(errors.New("--base64 and --jsonl exclude each other"), `a line says it itself: "payloadEncoding":"base64"`)
	case len(m.arguments) > 0 && (m.file != "" || m.lines || m.jsonLines):
		return console.Usagef("the message is given twice: as an argument and as input")
	case m.ttl > 0 && m.expiry != "":
		return console.Usagef("--ttl and --expiry exclude each other")
	}
	if m.module != "" {
		if err := console.CheckModuleID(m.module); err != nil {
			return err
		}
	}
	return m.checkProperties()
}

// limit returns how many messages each device gets.
func (m *messageFlags) limit() int {
	if m.given("count") {
		return m.count
	}
	return allBodies
}

// allProperties returns the properties of both flags, without the ack mode (see
// adoptAck). az leaves out what has no =; here it is an error.
func (m *messageFlags) allProperties() []string {
	return slices.DeleteFunc(m.splitProperties(), isAck)
}

func (m *messageFlags) splitProperties() []string {
	all := slices.Clone(m.properties)
	for _, list := range m.lists {
		for part := range strings.SplitSeq(list, ";") {
			if part = strings.TrimSpace(part); part != "" { // as at the end
				all = append(all, part)
			}
		}
	}
	return all
}

func (m *messageFlags) checkProperties() error {
	given := make(map[string]bool)
	for _, p := range m.allProperties() {
		name, _, ok := strings.Cut(p, "=")
		switch {
		case !ok || name == "":
			return console.Usagef("--property %q is not K=V", p)
		case given[name]:
			return console.Usagef("--property %s is given twice", name)
		}
		if hint, err := checkSystemProperty(name, func(p place) string { return p.flag }); err != nil {
			return console.Usage(err, hint)
		}
		given[name] = true
	}
	return nil
}

var severalProperties = regexp.MustCompile(`=[^;]*;\s*[^;=\s]+=`)

// noteProperties tells of values that look as if az's -p had been meant.
func (m *messageFlags) noteProperties(c *console.Console) {
	for _, p := range m.properties {
		if severalProperties.MatchString(p) {
			c.Note("Note: --property %s is one property; --props splits at ; as az does.", p)
		}
	}
}

// parseExpiry reads a time, which must be in the future.
func parseExpiry(text string, now time.Time) (t time.Time, err error) {
	example := "for example --expiry " + now.Add(time.Hour).UTC().Format(time.RFC3339) + ", or --ttl 1h"
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		t = time.UnixMilli(ms)
	} else if t, err = time.Parse(time.RFC3339, text); err != nil {
		return t, console.Usage(fmt.Errorf("--expiry %q is neither RFC 3339 nor milliseconds since 1970", text), example)
	}
	if !t.After(now) {
		return t, console.Usage(fmt.Errorf("--expiry: %s is in the past", t.UTC().Format(time.RFC3339)), example)
	}
	return t, nil
}
