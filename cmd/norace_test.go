//go:build !race

package cmd_test

// buildArgs builds the commands as the tests are built.
var buildArgs = []string{"build"}
