package console

import (
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

// UseOneProcessor makes the program do with one, unless GOMAXPROCS says otherwise. In
// a client every message goes through a chain of goroutines, each of which waits for
// the one before. If there are idle processors, each step wakes one of them, and that
// takes longer than the step.
func UseOneProcessor() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
}

// reserve is a part of the heap that nobody uses. It is never touched, so the machine
// gives no memory for it.
var reserve atomic.Pointer[[12 << 20]byte]

// reserveHeap makes the garbage collector run when there is as much garbage as the
// reserve is large, if the run lasts. Else it runs for each 4 MB, which is a hundred
// times in a second of sending, and takes an eighth of the time. (GOGC would let a
// large heap grow as well.)
func reserveHeap() {
	const lasts = 100 * time.Millisecond
	time.AfterFunc(lasts, func() { reserve.Store(new([12 << 20]byte)) })
}
