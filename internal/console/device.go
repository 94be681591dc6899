package console

import (
	"errors"

	"iothub-c2d/internal/sas"
)

// CheckDeviceID returns a usage error if no device can have the id. The error
// does not quote it: people have put connection strings there.
func CheckDeviceID(id string) error {
	if (sas.ConnectionString{HostName: "localhost", DeviceID: id, X509: true}).Validate() == nil && id != "" {
		return nil
	}
	return Usage(errors.New("that is no device id"), "it has 1 to 128 letters, digits and -:.+%_#*?!(),=@$'")
}
