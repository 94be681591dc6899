// Package query understands the part of IoT Hub's query language that the clients
// of its registry use: SELECT, FROM and WHERE over devices and modules.
//
// It knows no device: a row is a JSON object, as it would be sent. It imports the
// standard library only.
package query
