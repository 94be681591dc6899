package console

import (
	"fmt"
	"slices"
	"strings"
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
