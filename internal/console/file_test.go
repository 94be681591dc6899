package console

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCheckReplaceable wants to know before a run whether a file can be written after
// it, with nothing changed by that.
func TestCheckReplaceable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string // want is the error
	}{
		{file, ""},
		{link, ""},
		{filepath.Join(dir, "new"), ""},
		{dir, dir + " is not a regular file"},
		{os.DevNull, os.DevNull + " is not a regular file"},
		{filepath.Join(dir, "nowhere", "new"), filepath.Join(dir, "nowhere") + ": no such file or directory"},
		{filepath.Join(file, "new"), filepath.Join(file, "new") + ": not a directory"},
	} {
		got := ""
		if err := CheckReplaceable(tt.name); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 2 {
		t.Errorf("left behind: %v, %v", names, err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "old" {
		t.Errorf("the file is now %q, %v", text, err)
	}
}
