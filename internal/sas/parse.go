package sas

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var (
	// ErrServiceString is wrapped by ParseDevice's error for a string that names
	// a policy but no device.
	ErrServiceString = errors.New("this is the connection string of a service, not of a device")
	// ErrDeviceString is wrapped by ParseService's error for a string that names
	// a device but no policy.
	ErrDeviceString = errors.New("this is the connection string of a device, not of a service")
)

// spellings maps the lower-case key to how it is written. Keys match without
// case, as in Microsoft's C# SDK; X509Cert is that SDK's other name for x509.
var spellings = map[string]string{
	"hostname":               "HostName",
	"gatewayhostname":        "GatewayHostName",
	"deviceid":               "DeviceId",
	"moduleid":               "ModuleId",
	"sharedaccesskeyname":    "SharedAccessKeyName",
	"sharedaccesskey":        "SharedAccessKey",
	"sharedaccesssignature":  "SharedAccessSignature",
	"x509":                   "x509",
	"x509cert":               "x509",
	"usedevelopmentemulator": "UseDevelopmentEmulator",
}

// ParseConnectionString reads a connection string of any kind. White space
// around it, empty elements and unknown keys are ignored; a repeated key is an
// error. A device id with a ";" cannot be written, as in most SDKs. Errors name
// the part by its spelling and never hold a value.
func ParseConnectionString(s string) (ConnectionString, error) {
	return parseAs(s, func(ConnectionString) error { return nil })
}

// ParseDevice reads the connection string of a device or module. The key may be
// that of a policy. Without a DeviceId but with a policy the error wraps
// [ErrServiceString].
func ParseDevice(s string) (ConnectionString, error) {
	return parseAs(s, func(c ConnectionString) error {
		switch {
		case c.DeviceID != "":
			return nil
		case c.KeyName != "":
			return fmt.Errorf("DeviceId is missing: %w", ErrServiceString)
		}
		return errors.New("DeviceId is missing")
	})
}

// ParseService reads the connection string of a service, that is of a policy.
// With a DeviceId and without a policy the error wraps [ErrDeviceString].
func ParseService(s string) (ConnectionString, error) {
	return parseAs(s, func(c ConnectionString) error {
		switch {
		case c.KeyName == "" && c.DeviceID != "":
			return fmt.Errorf("SharedAccessKeyName is missing: %w", ErrDeviceString)
		case c.KeyName == "":
			return errors.New("SharedAccessKeyName is missing")
		case c.DeviceID != "":
			return errors.New("DeviceId has no place in a service connection string")
		}
		return nil
	})
}

// parseAs asks for the kind before it checks the rest: that it is the wrong
// string altogether is the more useful news.
func parseAs(s string, kind func(ConnectionString) error) (ConnectionString, error) {
	c, err := parseElements(strings.TrimSpace(s))
	if err == nil && c.HostName == "" {
		err = errors.New("HostName is missing")
	}
	if err == nil {
		err = kind(c)
	}
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return ConnectionString{}, fmt.Errorf("connection string: %w", err)
	}
	return c, nil
}

func parseElements(s string) (ConnectionString, error) {
	p := parser{seen: make(map[string]bool)}
	if s == "" {
		return p.result, errors.New("it is empty")
	}
	if strings.ContainsAny(s[:1], `"'`) {
		return p.result, errors.New("it starts with a quote; write it without quotes")
	}
	for i, element := range strings.Split(s, ";") {
		if element == "" {
			continue
		}
		if err := p.add(i+1, element); err != nil {
			return p.result, err
		}
	}
	return p.result, nil
}

type parser struct {
	result ConnectionString
	seen   map[string]bool // spellings of known keys, and unknown keys in lower case
}

// add takes in one element. Errors name known keys only: of a torn string any
// other may be the rest of a secret.
func (p *parser) add(number int, element string) error {
	key, value, err := splitElement(element)
	if err != nil {
		return fmt.Errorf("element %d %w", number, err)
	}
	key = strings.ToLower(key)
	name, known := spellings[key]
	if !known {
		if p.seen[key] {
			return fmt.Errorf("element %d repeats a key", number)
		}
		p.seen[key] = true
		return nil
	}
	if p.seen[name] {
		return fmt.Errorf("%s is given twice", name)
	}
	p.seen[name] = true
	if err := p.result.set(name, value); err != nil {
		return fmt.Errorf("%s %w", name, err)
	}
	return nil
}

func splitElement(element string) (key, value string, err error) {
	key, value, ok := strings.Cut(element, "=")
	switch {
	case !ok:
		return "", "", errors.New(`has no "="`)
	case key == "":
		return "", "", errors.New(`has no key before its "="`)
	case key != strings.TrimSpace(key):
		// It would pass as an unknown key, and the known one as missing.
		return "", "", errors.New("has white space around its key")
	}
	return key, value, nil
}

func (c *ConnectionString) set(name, value string) (err error) {
	if value == "" {
		return errors.New("is empty")
	}
	switch name {
	case "HostName":
		c.HostName = value
	case "GatewayHostName":
		c.GatewayHostName = value
	case "DeviceId":
		c.DeviceID = value
	case "ModuleId":
		c.ModuleID = value
	case "SharedAccessKeyName":
		c.KeyName = value
	case "SharedAccessKey":
		c.Key, err = parseKey(value)
	case "SharedAccessSignature":
		if c.Token, err = parseToken(value); err != nil {
			err = fmt.Errorf("is malformed: %w", err)
		}
	case "x509":
		c.X509, err = parseBool(value)
	case "UseDevelopmentEmulator":
		c.UseDevelopmentEmulator, err = parseBool(value)
	}
	return err
}

// parseBool is narrower than strconv's, which also takes 1 and t.
func parseBool(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "true", "false":
		return strconv.ParseBool(strings.ToLower(value))
	}
	return false, errors.New("is neither true nor false")
}
