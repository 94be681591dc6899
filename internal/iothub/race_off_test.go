//go:build !race

package iothub_test

const raceDetector = false
