package console

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// ChoiceValue is a flag value that takes one of a few words.
type ChoiceValue[T ~string] struct {
	value   *T
	choices []T
}

// Choice returns a flag value that stores one of the choices in value.
func Choice[T ~string](value *T, choices ...T) *ChoiceValue[T] {
	return &ChoiceValue[T]{value, choices}
}

// Set stores s if it is one of the choices.
func (c *ChoiceValue[T]) Set(s string) error {
	if !slices.Contains(c.choices, T(s)) {
		return fmt.Errorf("%q is not one of %s", s, strings.Join(c.Choices(), ", "))
	}
	*c.value = T(s)
	return nil
}

// Choices returns the words.
func (c *ChoiceValue[T]) Choices() []string {
	words := make([]string, len(c.choices))
	for i, w := range c.choices {
		words[i] = string(w)
	}
	return words
}

func (c *ChoiceValue[T]) String() string { return string(*c.value) }

// Type names the value in help texts.
func (c *ChoiceValue[T]) Type() string { return "word" }

// Alias lets flags be given by other names as well: names holds theirs by the
// others.
func Alias(f *pflag.FlagSet, names map[string]string) {
	before := f.GetNormalizeFunc()
	f.SetNormalizeFunc(func(f *pflag.FlagSet, name string) pflag.NormalizedName {
		return before(f, cmp.Or(names[name], name))
	})
}

// Positive is a flag's number from 1. Its zero value means that none is given.
type Positive int

// Set parses s.
func (p *Positive) Set(s string) error {
	n, err := strconv.Atoi(s)
	switch {
	case err != nil:
		return err
	case n < 1:
		return fmt.Errorf("%q is not a positive number", s)
	}
	*p = Positive(n)
	return nil
}

func (p *Positive) String() string { return strconv.Itoa(int(*p)) }

// Type names the value in help texts.
func (*Positive) Type() string { return "number" }

// Rate is a flag's number of things in a second, such as 1.6. Its zero value means that
// none is given.
type Rate float64

// Set parses s.
func (r *Rate) Set(s string) error {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= 0.001 && n <= 1e6) {
		return fmt.Errorf("%q is not a number per second, from 0.001 to 1000000", s)
	}
	*r = Rate(n)
	return nil
}

func (r *Rate) String() string { return strconv.FormatFloat(float64(*r), 'g', -1, 64) }

// Type names the value in help texts.
func (*Rate) Type() string { return "number" }

// Duration is a flag's duration: Go's notation, or a bare number of seconds.
type Duration time.Duration

// Set parses s.
func (d *Duration) Set(s string) error {
	v, err := ParseDuration(s)
	if err != nil {
		return err
	}
	*d = Duration(v)
	return nil
}

// String returns Go's notation. Help texts leave a default of "0" out.
func (d *Duration) String() string {
	if *d == 0 {
		return "0"
	}
	return time.Duration(*d).String()
}

// Type names the value in help texts.
func (*Duration) Type() string { return "duration" }

// ParseDuration parses Go's notation, or a bare number of seconds. A negative
// duration is an error: no flag has a use for one.
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
