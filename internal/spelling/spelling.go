// Package spelling finds the word that was meant by a misspelt one.
package spelling

// Nearest returns the word that is most like s, or "" if none is like it: no
// more than most letters may be wrong, and fewer than half of the word's. Of words
// that are equally like it, it returns the first.
func Nearest(s string, words []string, most int) (nearest string) {
	const longest = 64 // bytes; no word that is looked for is longer
	if len(s) > longest {
		return ""
	}
	for _, word := range words {
		if d := Distance(s, word); d <= most && 2*d < len(word) {
			nearest, most = word, d-1
		}
	}
	return nearest
}

// Distance returns how many letters must be added, removed, replaced, or swapped
// with the next one, to make b of a. (It is the optimal string alignment distance,
// of bytes.)
func Distance(a, b string) int {
	before := make([]int, len(b)+1) // the row for all but the last two letters of a so far
	last := make([]int, len(b)+1)   // for all but the last one
	row := make([]int, len(b)+1)    // for the letters of a so far: the distance to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
