package amqpwire

import (
	"bytes"
	"runtime"
	"slices"
	"testing"
)

// maxMemory is how many bytes a byte of input may cost. The dearest is one
// that stands for a described element of an array: 16 bytes for its place and
// 32 for its descriptor and its value.
const maxMemory = 50

const hostileSize = 64 << 10

// hostile is input that claims as much as it can, by what it is.
func hostile() map[string][]byte {
	const size = hostileSize
	zeros := make([]byte, size)
	return map[string][]byte{
		"list of nulls":             sized(0xd0, size, bytes.Repeat([]byte{0x40}, size)),
		"list of empty binaries":    sized(0xd0, size/2, bytes.Repeat([]byte{0xa0, 0}, size/2)),
		"list of empty lists":       sized(0xd0, size/3, bytes.Repeat([]byte{0xc0, 1, 0}, size/3)),
		"list of empty arrays":      sized(0xd0, size/4, bytes.Repeat([]byte{0xe0, 2, 0, 0x40}, size/4)),
		"list of described nulls":   sized(0xd0, size/3, bytes.Repeat([]byte{0x00, 0x44, 0x40}, size/3)),
		"list of longs":             sized(0xd0, size/9, bytes.Repeat([]byte("\x81\x7fabcdefg"), size/9)),
		"map of nulls":              sized(0xd1, size, bytes.Repeat([]byte{0x40}, size)),
		"array of ubytes":           element("\x50", size, "\x01"),
		"array of ushorts":          element("\x60", size/2, "\x7f\x01"),
		"array of empty binaries":   element("\xa0", size, "\x00"),
		"array of small binaries":   element("\xa0", size/2, "\x01a"),
		"array of empty strings":    element("\xa1", size, "\x00"),
		"array of small symbols":    element("\xa3", size/3, "\x02ab"),
		"array of empty lists":      element("\xc0", size/2, "\x01\x00"),
		"array of lists of a null":  element("\xc0", size/3, "\x02\x01\x40"),
		"array of empty maps":       element("\xc1", size/2, "\x01\x00"),
		"array of empty arrays":     element("\xe0", size/3, "\x02\x00\x40"),
		"array of described ubytes": element("\x00\x44\x50", size, "\x01"),
		"array of described binary": element("\x00\x44\xa0", size, "\x00"),
		"array of described lists":  element("\x00\x44\xc0", size/2, "\x01\x00"),
		"array described 32 times":  element(string(bytes.Repeat([]byte{0x00, 0x44}, 32))+"\x50", size, "\x01"),
		"nested false counts":       nestedLies(size),
		"array with a false count":  sized(0xf0, 1<<31-1, zeros),
		"list with a false count":   sized(0xd0, 1<<31-1, zeros),
		"map with a false count":    sized(0xd1, 1<<31-2, zeros),
		"binary with a false size":  append([]byte{0xb0, 0x7f, 0xff, 0xff, 0xff}, zeros...),
	}
}

// nestedLies is lists in lists, each of which claims all bytes that it has.
func nestedLies(size int) []byte {
	var b []byte
	for range maxDepth {
		rest := uint64(size - len(b) - 9)
		b = append(append(append(b, 0xd0), appendUint(nil, rest+4, 4)...), appendUint(nil, rest, 4)...)
	}
	return append(b, bytes.Repeat([]byte{0x40}, size-len(b))...)
}

// element is an array of as many elements, all the same.
func element(constructor string, count int, element string) []byte {
	return sized(0xf0, uint64(count), append([]byte(constructor), bytes.Repeat([]byte(element), count)...))
}

// TestMemory is not parallel, for it measures what the whole process allocates.
func TestMemory(t *testing.T) {
	for name, in := range hostile() {
		checkMemory(t, name, len(in), func() { _, _, _ = Decode(in) })
	}
	symbols := element("\xa3", hostileSize, "\x00")
	open := slices.Concat([]byte("\x00\x53\x10"), sized(0xd0, 8, slices.Concat([]byte("\xa1\x00\x40\x40\x40\x40\x40\x40"), symbols)))
	frame := append(appendUint(nil, uint64(len(open)+8), 4), 2, 0, 0, 0)
	frame = append(frame, open...)
	if f, err := DecodeFrame(frame); err != nil || len(f.Body.(*Open).OfferedCapabilities) != hostileSize {
		t.Fatalf("open with many capabilities: %v", err)
	}
	checkMemory(t, "open with many capabilities", len(frame), func() { _, _ = DecodeFrame(frame) })
	sections := bytes.Repeat([]byte("\x00\x53\x75\xa0\x00"), hostileSize/5)
	checkMemory(t, "message of empty data", len(sections), func() { _, _ = DecodeMessage(sections) })
}

func checkMemory(t *testing.T, name string, size int, decode func()) {
	t.Helper()
	const rounds = 4
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		decode()
	}
	runtime.ReadMemStats(&after)
	per := float64(after.TotalAlloc-before.TotalAlloc) / rounds / float64(size)
	t.Logf("%-28s %5.1f bytes per byte", name, per)
	if per > maxMemory {
		t.Errorf("%s: %.1f bytes per byte of input, want at most %d", name, per, maxMemory)
	}
}
