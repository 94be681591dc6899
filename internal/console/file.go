package console

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ReplaceFile writes a file that only its owner can read. Whatever goes wrong, the
// file has either its old text or the new one.
func ReplaceFile(name, text string) error {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target // the link stays
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// CheckDirectory returns an error if there is no directory of that name.
func CheckDirectory(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, pathReason(err))
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", name)
	}
	return nil
}
