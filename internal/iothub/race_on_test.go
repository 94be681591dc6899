//go:build race

package iothub_test

// raceDetector says that everything takes five times as long.
const raceDetector = true
