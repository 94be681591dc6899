package sas

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ConnectionString is a parsed IoT Hub connection string, of a device, a module
// or a service. Exactly one of Key, Token and X509 is set.
type ConnectionString struct {
	HostName        string // the hub, as written; may carry a port
	GatewayHostName string // where to connect instead of HostName; may carry a port
	DeviceID        string // DeviceId
	ModuleID        string // ModuleId
	KeyName         string // SharedAccessKeyName: the policy that Key belongs to
	Key             Key    // SharedAccessKey
	Token           Token  // SharedAccessSignature: a ready-made token
	X509            bool   // x509=true: a client certificate instead of a token

	// UseDevelopmentEmulator asks for plain AMQP to a loopback host, as with the
	// Event Hubs and Service Bus emulators. Microsoft's IoT Hub SDKs ignore it.
	UseDevelopmentEmulator bool
}

// Patterns of Microsoft's C# SDK, less the ";" that it still allows in an id. IoT
// Hub has stopped allowing it (azure-iot-sdk-csharp pull request 1700), and with
// it "DeviceId=a;x509=true" would mean two things.
var (
	idSyntax     = regexp.MustCompile(`^[A-Za-z0-9\-:.+%_#*?!(),=@$']+$`) // maxID is slow to compile
	policySyntax = regexp.MustCompile(`^[A-Za-z0-9_\-@.]+$`)
)

// maxID is how many characters an id has at most. They are ASCII.
const maxID = 128

// Host returns HostName without its port, and without brackets if it is an IPv6
// address.
func (c ConnectionString) Host() string {
	host, _ := splitHostPort(c.HostName)
	return host
}

// Endpoint returns where to connect: to the gateway if there is one, else to the
// hub. The host has no brackets; the port is empty if the string gives none.
func (c ConnectionString) Endpoint() (host, port string) {
	if c.GatewayHostName != "" {
		return splitHostPort(c.GatewayHostName)
	}
	return splitHostPort(c.HostName)
}

// Resource returns what a token must be for, unencoded: the host, or
// host/devices/id, or host/devices/id/modules/id. The host is that of the hub
// even behind a gateway, and has no port.
func (c ConnectionString) Resource() string {
	resource := c.Host()
	if c.DeviceID != "" {
		resource += "/devices/" + c.DeviceID
	}
	if c.ModuleID != "" {
		resource += "/modules/" + c.ModuleID
	}
	return resource
}

// Reveal returns the connection string in canonical form, secrets included. If
// Validate finds no fault, parsing it gives the same value again. Do not log it.
func (c ConnectionString) Reveal() string {
	key := ""
	if !c.Key.IsZero() {
		key = c.Key.Base64()
	}
	return c.join(key, c.Token.Reveal())
}

// Validate checks a connection string that was put together by hand. Those that
// were parsed are valid.
func (c ConnectionString) Validate() error {
	if err := c.check(); err != nil {
		return fmt.Errorf("connection string: %w", err)
	}
	return nil
}

func (c ConnectionString) check() error {
	if err := c.checkNames(); err != nil {
		return err
	}
	if c.DeviceID == "" && c.KeyName == "" {
		return errors.New("DeviceId or SharedAccessKeyName is missing")
	}
	if c.DeviceID == "" && c.ModuleID != "" {
		return errors.New("DeviceId is missing: a module belongs to a device")
	}
	if err := c.checkCredential(); err != nil {
		return err
	}
	// Without TLS a token can be read on the way, so it must not leave the machine.
	if c.UseDevelopmentEmulator && !IsLoopback(c.HostName) {
		return errors.New("UseDevelopmentEmulator=true needs a loopback HostName, such as localhost")
	}
	if c.UseDevelopmentEmulator && c.GatewayHostName != "" && !IsLoopback(c.GatewayHostName) {
		return errors.New("UseDevelopmentEmulator=true needs a loopback GatewayHostName, such as localhost")
	}
	return nil
}

func (c ConnectionString) checkNames() error {
	if err := checkHost(c.HostName); err != nil {
		return fmt.Errorf("HostName %w", err)
	}
	if c.GatewayHostName != "" {
		if err := checkHost(c.GatewayHostName); err != nil {
			return fmt.Errorf("GatewayHostName %w", err)
		}
	}
	if c.DeviceID != "" && !ValidDeviceID(c.DeviceID) {
		return errors.New("DeviceId " + badID)
	}
	if c.ModuleID != "" && !ValidDeviceID(c.ModuleID) {
		return errors.New("ModuleId " + badID)
	}
	if c.KeyName != "" && !policySyntax.MatchString(c.KeyName) {
		return errors.New("SharedAccessKeyName has a character that is none of letters, digits and _-.@")
	}
	return nil
}

// ValidDeviceID reports whether a device, or a module, can have the id.
func ValidDeviceID(id string) bool { return len(id) <= maxID && idSyntax.MatchString(id) }

const badID = "is not 1 to 128 letters, digits and -:.+%_#*?!(),=@$'"

func (c ConnectionString) checkCredential() error {
	var given []string
	if !c.Key.IsZero() {
		given = append(given, "SharedAccessKey")
	}
	if !c.Token.IsZero() {
		given = append(given, "SharedAccessSignature")
	}
	if c.X509 {
		given = append(given, "x509=true")
	}
	switch {
	case len(given) == 0:
		return errors.New("SharedAccessKey is missing (or SharedAccessSignature, or x509=true)")
	case len(given) > 1:
		return fmt.Errorf("%s do not go together", strings.Join(given, " and "))
	case c.X509 && c.DeviceID == "":
		return errors.New("x509=true is for a device, but DeviceId is missing")
	case strings.Contains(c.Token.Reveal(), ";"):
		return errors.New(`SharedAccessSignature has a ";" that is not percent-encoded`)
	}
	return nil
}

// join writes the canonical form, leaving out what is not set.
func (c ConnectionString) join(key, token string) string {
	var elements []string
	add := func(name, value string) {
		if value != "" {
			elements = append(elements, name+"="+value)
		}
	}
	add("HostName", c.HostName)
	add("GatewayHostName", c.GatewayHostName)
	add("DeviceId", c.DeviceID)
	add("ModuleId", c.ModuleID)
	add("SharedAccessKeyName", c.KeyName)
	add("SharedAccessKey", key)
	add("SharedAccessSignature", token)
	if c.X509 {
		add("x509", "true")
	}
	if c.UseDevelopmentEmulator {
		add("UseDevelopmentEmulator", "true")
	}
	return strings.Join(elements, ";")
}
