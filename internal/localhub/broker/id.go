package broker

import "strings"

// ID names a device, or one of its modules. Ids are case-sensitive.
type ID struct{ Device, Module string }

// String returns device or device/module, for people.
func (id ID) String() string {
	if id.Module == "" {
		return id.Device
	}
	return id.Device + "/" + id.Module
}

// Path returns the path below the hub's name that a token must cover to act for
// id, and by which the journal knows its queue.
func (id ID) Path() string {
	if id.Module == "" {
		return devicesPath + id.Device
	}
	return devicesPath + id.Device + modulesPath + id.Module
}

const (
	devicesPath = "/devices/"
	modulesPath = "/modules/"
)

// parsePath is the inverse of [ID.Path]. No device id holds "/modules/".
func parsePath(path string) (id ID) {
	id.Device, id.Module, _ = strings.Cut(strings.TrimPrefix(path, devicesPath), modulesPath)
	return id
}

// MaxID is how many characters the id of a message or a module may have.
// Source: Microsoft docs, iot-hub-devguide-messages-construct.
const MaxID = 128

// IsID reports whether IoT Hub would take the text for an id. Every message has one.
func IsID(text string) bool {
	for i := range len(text) {
		if !isIDCharacter(text[i]) {
			return false
		}
	}
	return text != "" && len(text) <= MaxID
}

func isIDCharacter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-:.+%_#*?!(),=@;$'", c) >= 0
}
