package main

import (
	"math/bits"
	"time"
)

// latencies counts durations by classes, each of which is a sixteenth longer than the
// one before, at the most: there may be too many to keep them all.
type latencies struct {
	counts  [64 * classes]int
	n       int
	longest time.Duration
}

const classes = 16 // between a duration and twice that

// add counts a duration. Clocks differ: one that is negative counts as none.
func (l *latencies) add(d time.Duration) {
	d = max(d, 0)
	l.counts[class(d)]++
	l.n++
	l.longest = max(l.longest, d)
}

// class returns the class of a duration: those below 16 ns have one each.
func class(d time.Duration) int {
	doublings := max(bits.Len64(uint64(d))-bits.Len(classes), 0)
	return doublings*classes + int(d>>doublings)
}

// percentile returns what so many per cent of the durations did not exceed, by a
// sixteenth at the most.
func (l *latencies) percentile(percent int) time.Duration {
	if percent == 100 {
		return l.longest
	}
	rest := (l.n*percent + 99) / 100
	for c, count := range l.counts {
		if rest -= count; rest <= 0 {
			return min(longestOf(c), l.longest)
		}
	}
	return l.longest
}

// longestOf returns the longest duration of a class.
func longestOf(class int) time.Duration {
	doublings := max(class/classes-1, 0)
	return time.Duration(class-doublings*classes+1)<<doublings - 1
}
