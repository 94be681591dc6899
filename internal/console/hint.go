package console

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"

	"iothub-c2d/internal/iothub"
)

// HintTooLarge is the hint for a message that no hub takes. Source: Microsoft
// docs, iot-hub-devguide-messages-c2d.
const HintTooLarge = "a message holds 64 KB at most, properties included"

// Hints that more than one error has.
const (
	hintOther    = "something else listens at that address and port: check HostName and --protocol"
	hintOtherNew = hintOther + ", or use another port of this machine by --local=HOST:PORT"
	hintFirewall = "a firewall may block the port: AMQP over TLS needs 5671; --protocol amqp-ws goes by 443"
)

// hints say what the user can do about an error: with a hub on this machine, and
// with one elsewhere if that is something else.
var hints = []struct {
	err       error
	hint, far string
}{
	{iothub.ErrUnauthorized, "check the key, that it belongs to this hub, and that its policy has the permission (service connect to send, device connect to receive); a clock that is minutes off also invalidates tokens", ""},
	{iothub.ErrQueueFull, "IoT Hub holds 50 messages per device: start the device, wait longer with --retry-queue-full 5m, or empty the queue with `send-c2d purge`", ""},
	{iothub.ErrQuotaExceeded, "the hub has a limit of messages per day, which ends at midnight UTC, or of connections and tokens: its tier says how many", ""},
	{
		iothub.ErrNotFound,
		"check the device id (it is case-sensitive); `simulated-device hub --device ID` registers a device with a local hub",
		"check the device id (it is case-sensitive), and that the device is registered with this hub",
	},
	{iothub.ErrThrottled, "the hub's tier limits how much it does in a minute: try again a little later, and send more slowly with --rate", ""},
	{iothub.ErrTooLarge, HintTooLarge, ""},
	{iothub.ErrDisplaced, "a hub keeps one receiver per device: stop the other, or use another device", ""},
	{iothub.ErrProxy, "check the address, the user and the password in --proxy, and that the proxy may connect to the hub's port", ""},
	{
		syscall.ECONNREFUSED,
		"nothing listens there: start `simulated-device`, which brings a local hub; if .env or the environment names this address, start `simulated-device hub`",
		"nothing listens there: check HostName; " + hintFirewall,
	},
	{iothub.ErrNotAMQP, hintOtherNew, hintOther},
	{iothub.ErrNoSocket, hintOtherNew, hintOther},
	{iothub.ErrSilent, "another program may have that port, or the hub is stopped: use another port by --local=HOST:PORT", hintFirewall},
	{context.DeadlineExceeded, "the hub may be stopped, or very busy", hintFirewall},
}

// hintFor returns what the user can do about an error, "" if nobody knows.
func (c *Console) hintFor(err error) string {
	var f *failure
	if errors.As(err, &f) && f.hint != "" {
		return f.hint
	}
	if hint := c.entraHint(err); hint != "" {
		return hint
	}
	for _, h := range hints {
		switch {
		case !errors.Is(err, h.err):
		case c.far && h.far != "":
			return h.far
		default:
			return h.hint
		}
	}
	var unknown *net.DNSError
	if errors.As(err, &unknown) {
		return "check HostName in the connection string, or --host, and that this machine is online"
	}
	return tlsHint(err)
}

// entraHint returns what to do about a token of Microsoft Entra ID that is refused.
func (c *Console) entraHint(err error) string {
	if !c.entra || !errors.Is(err, iothub.ErrUnauthorized) {
		return ""
	}
	return "check that the token is for https://iothubs.azure.net and has not expired, and that its owner has a role such as IoT Hub Data Contributor on this hub; a local hub takes those signed by the key of its --jwt-key"
}

// tlsHint returns what to do about an error of a TLS handshake.
func tlsHint(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return "name the CA with --ca-file; a local hub writes its own with `simulated-device hub --ca-out FILE`"
	case errors.As(err, &name):
		return "HostName must be a name in the server's certificate; `simulated-device hub --host NAME` sets a local hub's"
	case errors.As(err, &record):
		return "the server does not speak TLS at that port: AMQP over TLS is at 5671; for a local hub add UseDevelopmentEmulator=true"
	}
	return ""
}
