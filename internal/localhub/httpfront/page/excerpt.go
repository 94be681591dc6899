package page

import (
	"math"
	"strings"
)

// excerpt takes as much of a message as there is room for.
type excerpt struct {
	most, left int  // bytes of a text, and of all texts that come yet
	cut        bool // something was left out
}

// briefly is for a row of a queue: fifty of them are little to send, and to show,
// whatever the messages hold.
func briefly() *excerpt { return &excerpt{most: 200, left: 1000} }

// wholly leaves nothing out.
func wholly() *excerpt { return &excerpt{most: math.MaxInt, left: math.MaxInt} }

// text returns a text, or its beginning.
func (e *excerpt) text(s string) string {
	if room := max(0, min(e.most, e.left)); len(s) > room {
		e.cut = true
		s = strings.ToValidUTF8(s[:room], "") + "…"
	}
	e.left -= len(s)
	return s
}

// next reports whether there is room for one more property.
func (e *excerpt) next() bool {
	const frame = 10 // what it takes to show an empty one
	if e.left < frame {
		e.cut = true
		return false
	}
	e.left -= frame
	return true
}
