package spelling_test

import (
	"strings"
	"testing"

	"iothub-c2d/internal/spelling"
)

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"purge", "purge", 0},
		{"purg", "purge", 1},
		{"purgee", "purge", 1},
		{"surge", "purge", 1},
		{"pureg", "purge", 1},
		{"upreg", "purge", 2},
		{"kitten", "sitting", 3},
		{"hostname", "devices", 8},
	} {
		for _, pair := range [][2]string{{test.a, test.b}, {test.b, test.a}} {
			if got := spelling.Distance(pair[0], pair[1]); got != test.want {
				t.Errorf("%q, %q: got %d, want %d", pair[0], pair[1], got, test.want)
			}
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	words := []string{"count", "color", "property", "props", "o"}
	for _, test := range []struct {
		word string
		most int
		want string
	}{
		{"count", 1, "count"},
		{"cuont", 1, "count"},
		{"propery", 2, "property"},
		{"colour", 2, "color"},
		{"prop", 1, "props"},
		{"prop", 0, ""},
		{"x", 1, ""}, // as far from "o" as from nothing
		{"", 2, ""},
		{strings.Repeat("x", 1<<20), 2, ""},
	} {
		if got := spelling.Nearest(test.word, words, test.most); got != test.want {
			t.Errorf("%.20q: got %q, want %q", test.word, got, test.want)
		}
	}
}
