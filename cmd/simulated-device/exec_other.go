//go:build !unix

package main

import "os/exec"

// There are no process groups here: a command is killed, what it started goes on.
func useGroup(*exec.Cmd)  {}
func killGroup(*exec.Cmd) {}
