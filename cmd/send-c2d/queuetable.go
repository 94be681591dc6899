package main

import (
	"iothub-c2d/internal/console"
	"iothub-c2d/internal/iothub"
)

// queueEvent is a device and its queue, in JSON.
type queueEvent struct {
	Event           string `json:"event"`
	DeviceID        string `json:"deviceId"`
	Messages        int    `json:"messages"`
	Status          string `json:"status"`
	ConnectionState string `json:"connectionState"`
}

// queueTable prints devices and their queues, one a line, as they come.
type queueTable struct {
	console *console.Console
	width   int  // of the first column
	begun   bool // there is a line
}

// newQueueTable returns a table that has room for the ids.
func newQueueTable(c *console.Console, ids []string) *queueTable {
	t := &queueTable{console: c, width: len("DEVICE")}
	for _, id := range ids {
		t.width = max(t.width, len(id)) // they are ASCII
	}
	return t
}

// add prints a line. The first comes below the header, which --quiet leaves out.
func (t *queueTable) add(d iothub.DeviceState) error {
	if t.console.Output == console.OutputJSON {
		return t.console.PrintJSON(queueEvent{"queue", d.ID, d.Messages, d.Status, d.Connection})
	}
	if !t.begun && !t.console.Quiet {
		if err := t.console.PrintLine("%-*s  MESSAGES  %-8s  CONNECTION", t.width, "DEVICE", "STATUS"); err != nil {
			return err
		}
	}
	t.begun = true
	return t.console.PrintLine("%-*s  %8d  %-8s  %s", t.width, d.ID, d.Messages, d.Status, d.Connection)
}
