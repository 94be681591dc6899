//go:build linux

package cmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRecipes types what README tells to type, and wants what README shows: each
// section with such blocks in a directory of its own, whose .env names a hub of its
// own. It needs Linux as the scripts do, and what the recipes need, such as jq.
func TestRecipes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := recipes(string(text))
	if len(sections) < 10 {
		t.Fatalf("README has %d sections with recipes, want 10 at least", len(sections))
	}
	for _, s := range sections {
		t.Run(s.title, func(t *testing.T) {
			t.Parallel()
			s.try(t)
		})
	}
}

// recipe is a section of README, with what is typed there and what comes of it.
type recipe struct {
	title string
	steps []step
}

// step is a command with its output. Without a command it is more output of the one
// in the background.
type step struct {
	command  string
	terminal string // empty: the one that is looked at
	output   []string
}

// inTerminal is the end of a command that goes on in another terminal.
const inTerminal = "   # terminal "

// recipes returns the sections of a text with blocks of the kind console: a line with
// $ is typed, lines with > go on with it, all others are output. The subsections of
// the tutorial are one recipe.
func recipes(text string) (all []recipe) {
	for section := range strings.SplitSeq(text, "\n## ") {
		parts := strings.Split(section, "\n### ")
		if strings.HasPrefix(section, "The tutorial") {
			parts = []string{section}
		}
		for _, part := range parts {
			title, rest, _ := strings.Cut(part, "\n")
			if steps := steps(rest); len(steps) > 0 {
				all = append(all, recipe{title, steps})
			}
		}
	}
	return all
}

func steps(text string) (all []step) {
	blocks := strings.Split(text, "```console\n")
	for _, block := range blocks[1:] {
		block, _, _ = strings.Cut(block, "```")
		fresh := true
		for line := range strings.Lines(block) {
			line = strings.TrimSuffix(line, "\n")
			command, typed := strings.CutPrefix(line, "$ ")
			more, goesOn := strings.CutPrefix(line, "> ")
			switch last := len(all) - 1; {
			case typed:
				command, terminal, _ := strings.Cut(command, inTerminal)
				all = append(all, step{command: command, terminal: terminal})
			case fresh:
				all = append(all, step{output: []string{line}})
			case goesOn:
				all[last].command += "\n" + more
			default:
				all[last].output = append(all[last].output, line)
			}
			fresh = false
		}
	}
	return all
}

func (r recipe) try(t *testing.T) {
	b := &trial{t: t, dir: t.TempDir()}
	if err := os.Symlink(binaries, filepath.Join(b.dir, "bin")); err != nil {
		t.Fatal(err)
	}
	b.wants(b.begin("bin/simulated-device hub --listen 127.0.0.1:0 --env-out .env"), []string{"..."})
	terminals := make(map[string]*process)
	var last *process
	for _, s := range r.steps {
		switch {
		case s.command == "":
			b.wants(last, s.output)
		case s.terminal != "":
			b.end(terminals[s.terminal])
			last = b.begin(s.command)
			terminals[s.terminal] = last
			b.wants(last, s.output)
		default:
			b.types(s.command, s.output)
		}
	}
}

// trial is where one recipe is tried.
type trial struct {
	t    *testing.T
	dir  string
	seen map[*process]int // lines of its output
}

func (b *trial) command(text string) *exec.Cmd {
	cmd := exec.Command("bash", "-c", text)
	cmd.Dir = b.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "GORACE=atexit_sleep_ms=0"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// types runs a command to its end, which must be a good one.
func (b *trial) types(text string, want []string) {
	b.t.Helper()
	cmd := b.command(text)
	var out output
	cmd.Stdout, cmd.Stderr = &out, &out
	stop := time.AfterFunc(testTimeout, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer stop.Stop()
	err := cmd.Run()
	got, _ := out.read()
	if err != nil {
		b.t.Fatalf("$ %s: %v\n%s", text, err, got)
	}
	if !alike(plain(strings.Split(got, "\n")), plain(want)) {
		b.t.Errorf("$ %s\n got:\n%s\nwant:\n%s", text, got, strings.Join(want, "\n"))
	}
}

// begin runs a command in the background.
func (b *trial) begin(text string) *process {
	p := &process{cmd: b.command(text), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	b.t.Cleanup(func() { b.end(p) })
	return p
}

func (b *trial) end(p *process) {
	if p == nil {
		return
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT) // it may have ended
	<-p.done
}

// wants waits until a command in the background has printed the lines, one of which,
// "...", is any one.
func (b *trial) wants(p *process, want []string) {
	b.t.Helper()
	if b.seen == nil {
		b.seen = make(map[*process]int)
	}
	want = plain(want)
	for timeout := time.After(testTimeout); ; {
		got, more := p.out.read()
		lines := plain(strings.Split(got, "\n"))
		if rest := lines[min(b.seen[p], len(lines)):]; len(rest) >= len(want) {
			if !alike(rest[:len(want)], want) {
				b.t.Fatalf("the other terminal\n got:\n%s\nwant:\n%s", strings.Join(rest, "\n"), strings.Join(want, "\n"))
			}
			b.seen[p] += len(want)
			return
		}
		select {
		case <-more:
		case <-timeout:
			b.t.Fatalf("the other terminal\n got:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
		}
	}
}

// different are the parts of the output that are so in one run only.
var different = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`after [0-9.]+(µs|ms|s)`), "after TIME"},
	{regexp.MustCompile(`127\.0\.0\.1:[0-9]+`), "HUB"},
	{regexp.MustCompile(`\((by default|from \.env)\)`), "(SOURCE)"},
}

// plain returns the lines that say something, without what differs from run to run,
// and without what a device says that brings its hub along: here that of the test is
// there.
func plain(lines []string) (all []string) {
	for _, line := range lines {
		for _, d := range different {
			line = d.pattern.ReplaceAllLiteralString(line, d.name)
		}
		line = strings.TrimRight(line, " ")
		if line != "" && !strings.HasPrefix(line, "No IOTHUB_") && !strings.HasPrefix(line, "Look into ") {
			all = append(all, line)
		}
	}
	return all
}

func alike(got, want []string) bool {
	return slices.EqualFunc(got, want, func(g, w string) bool { return w == "..." || g == w })
}

// TestRecipesAreRead holds the reader of README to a small one.
func TestRecipesAreRead(t *testing.T) {
	t.Parallel()
	const readme = "# x\n## One\n### A\n```console\n$ a   # terminal 1\nhello\n$ b <<END\n> c\n> END\nd\n```\n```\nnot this\n```\n### B\n```console\nmore\n```\n"
	want := "[{A [{a 1 [hello]} {b <<END\nc\nEND  [d]}]} {B [{  [more]}]}]"
	if got := fmt.Sprint(recipes(readme)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
