package main

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

func (s *source) addFlags(f *pflag.FlagSet) {
	addDeviceFlag(f, &s.devices, "to send to")
	f.StringVarP(&s.file, "file", "f", "", "read the body from `PATH` (-: standard input)")
	f.BoolVarP(&s.lines, "lines", "l", false, "send each line of standard input, or of --file; a blank one is an empty message")
	f.BoolVar(&s.jsonLines, "jsonl", false, "each line is a whole message as JSON, as --output json of simulated-device prints it")
	f.BoolVar(&s.base64, "base64", false, "the body, or each line, is base64")
	f.IntVarP(&s.count, "count", "C", 0, "send `N` messages (default 1, or all lines)")
	f.StringArrayVarP(&s.properties, "property", "p", nil, "application property `K=V` (repeat)")
	f.StringVar(&s.id, "message-id", "", "message `ID` (default a new UUID for each)")
	f.StringVar(&s.correlation, "correlation-id", "", "correlation `ID`")
	f.StringVar(&s.user, "user-id", "", "user `ID`")
	f.StringVar(&s.contentType, "content-type", "", "media `TYPE`, such as application/json")
	f.StringVar(&s.contentEncoding, "content-encoding", "", "`NAME`, such as utf-8")
	f.Var(&s.ttl, "ttl", "how long the message lives (default the hub's, usually 1h)")
	f.StringVar(&s.expiry, "expiry", "", "when it expires: `TIME` in RFC 3339, or milliseconds since 1970")
	s.ack = iothub.AckFull
	f.Var(console.Choice(&s.ack, iothub.AckFull, iothub.AckPositive, iothub.AckNegative, iothub.AckNone), "ack", "feedback to ask for: full, positive, negative or none")
	f.SetNormalizeFunc(shortNames)
}

// shortNames makes the names that the Azure CLI has for the same flags work.
func shortNames(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	aliases := map[string]string{
		"mid": "message-id", "cid": "correlation-id", "uid": "user-id",
		"ct": "content-type", "ce": "content-encoding",
	}
	return pflag.NormalizedName(cmp.Or(aliases[name], name))
}

func (s *source) checkFlags() error {
	switch {
	case s.count < 0:
		return console.Usagef("--count takes a positive number")
	case s.lines && s.jsonLines:
		return console.Usagef("--lines and --jsonl exclude each other")
	case s.base64 && s.jsonLines:
		return console.Usage(errors.New("--base64 and --jsonl exclude each other"), `a line says it itself: "payloadEncoding":"base64"`)
	case len(s.arguments) > 0 && (s.file != "" || s.lines || s.jsonLines):
		return console.Usagef("the message is given twice: as an argument and as input")
	case s.ttl > 0 && s.expiry != "":
		return console.Usagef("--ttl and --expiry exclude each other")
	}
	return s.checkProperties()
}

func (s *source) checkProperties() error {
	given := make(map[string]bool)
	for _, p := range s.properties {
		name, _, ok := strings.Cut(p, "=")
		switch {
		case !ok || name == "":
			return console.Usagef("--property %q is not K=V", p)
		case given[name]:
			return console.Usagef("--property %s is given twice", name)
		}
		given[name] = true
	}
	return nil
}

// parseExpiry reads a time to come.
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
