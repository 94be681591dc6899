package broker

import (
	"regexp"
	"strings"
	"testing"
)

// TestIsID compares with the pattern of Microsoft's documents.
func TestIsID(t *testing.T) {
	t.Parallel()
	pattern := regexp.MustCompile(`^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$`)
	texts := []string{"", strings.Repeat("x", MaxID), strings.Repeat("x", MaxID+1), "two words", "é", "a\n"}
	for c := range 256 {
		texts = append(texts, string([]byte{byte(c)}))
	}
	for _, text := range texts {
		if got, want := IsID(text), pattern.MatchString(text); got != want {
			t.Errorf("%q is an id: %v, want %v", text, got, want)
		}
	}
}
