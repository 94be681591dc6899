package console

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Duration is a flag's duration: Go's notation, or a bare number of seconds.
type Duration time.Duration

// Set parses s. Negative durations make no sense in any flag.
func (d *Duration) Set(s string) error {
	v, err := ParseDuration(s)
	if err != nil {
		return err
	}
	*d = Duration(v)
	return nil
}

// String returns Go's notation; for zero it is what help texts leave out.
func (d *Duration) String() string {
	if *d == 0 {
		return "0"
	}
	return time.Duration(*d).String()
}

// Type names the value in help texts.
func (*Duration) Type() string { return "duration" }

// ParseDuration parses Go's notation, or a bare number of seconds.
func ParseDuration(s string) (time.Duration, error) {
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		if !(n >= 0 && n < math.MaxInt64/float64(time.Second)) {
			return 0, fmt.Errorf("%q is out of range", s)
		}
		return time.Duration(n * float64(time.Second)), nil
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration such as 10s, 2m or 1h30m, or a number of seconds", s)
	case d < 0:
		return 0, fmt.Errorf("%q is negative", s)
	}
	return d, nil
}
