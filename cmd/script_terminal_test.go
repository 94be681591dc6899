//go:build linux

package cmd_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/rogpeppe/go-internal/testscript"
)

// terminal is a pseudo-terminal, seen from the side of the window and the keyboard.
type terminal struct {
	*os.File
	size winsize
}

type winsize struct{ rows, cols, xpixel, ypixel uint16 }

// openTerminal returns a terminal, and the side that programs see.
func openTerminal(cols, rows uint16) (*terminal, *os.File, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	t := &terminal{master, winsize{rows: rows, cols: cols}}
	var unlocked, number int32
	for _, request := range []struct {
		code uintptr
		arg  unsafe.Pointer
	}{
		{syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked)},
		{syscall.TIOCGPTN, unsafe.Pointer(&number)},
		{syscall.TIOCSWINSZ, unsafe.Pointer(&t.size)},
	} {
		if err := t.control(request.code, request.arg); err != nil {
			return nil, nil, err
		}
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	return t, slave, err
}

func (t *terminal) control(code uintptr, arg unsafe.Pointer) error {
	conn, err := t.SyscallConn()
	if err != nil {
		return err
	}
	var errno syscall.Errno
	err = conn.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, code, uintptr(arg))
	})
	if errno != 0 {
		return errno
	}
	return err
}

func cmdTerminal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: terminal NAME COLSxROWS TEXT CMD...")
	}
	cols, rows, _ := strings.Cut(args[1], "x")
	c, err := strconv.ParseUint(cols, 10, 16)
	ts.Check(err)
	r, err := strconv.ParseUint(rows, 10, 16)
	ts.Check(err)
	t, slave, err := openTerminal(uint16(c), uint16(r))
	ts.Check(err)
	defer slave.Close()
	ts.Defer(func() { t.Close() })
	p := newProcess(ts, lookPath(ts, args[3]), args[4:]...)
	p.terminal = t
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	ts.Check(p.cmd.Start())
	var shown sync.WaitGroup
	shown.Go(func() { _, _ = io.Copy(&p.out, t) }) // until all programs have closed their side, or we ours
	go func() {
		_ = p.cmd.Wait() // its result is in ProcessState
		p.ended = time.Now()
		shown.Wait()
		close(p.done)
	}()
	track(ts, args[0], args[2], p)
}

// lookPath finds a command, ours first.
func lookPath(ts *testscript.TestScript, name string) string {
	path, err := exec.LookPath(filepath.Join(binaries, name))
	if err != nil {
		path, err = exec.LookPath(name)
	}
	ts.Check(err)
	return path
}

func cmdType(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: type NAME TEXT")
	}
	p := find(ts, args[0])
	var keys strings.Builder
	for i := 0; i < len(args[1]); i++ {
		key := args[1][i]
		if key == '^' && i+1 < len(args[1]) {
			i++
			key = args[1][i] & 0x1f
		}
		keys.WriteByte(key)
	}
	if strings.Contains(keys.String(), "\x03") {
		p.signaled = time.Now()
	}
	_, err := io.WriteString(p.terminal, keys.String())
	ts.Check(err)
}

func cmdHangUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hangup NAME")
	}
	p := find(ts, args[0])
	p.signaled = time.Now()
	ts.Check(p.terminal.Close())
}

func cmdScreen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: screen NAME")
	}
	p := find(ts, args[0])
	text, _ := p.out.read()
	rows := render(text, int(p.terminal.size.cols))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".screen"), []byte(strings.Join(rows, "\n")+"\n"), 0o600))
}
