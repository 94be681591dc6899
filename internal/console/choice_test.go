package console

import "testing"

func TestChoice(t *testing.T) {
	t.Parallel()
	type color string
	value := color("red")
	c := Choice(&value, "red", "green")
	if err := c.Set("green"); err != nil || value != "green" || c.String() != "green" {
		t.Errorf("got %q, %v, want green", value, err)
	}
	err := c.Set("blue")
	if want := `"blue" is not one of red, green`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if value != "green" {
		t.Errorf("got %q after an error, want green", value)
	}
	if err := c.Set(""); err == nil {
		t.Error("an empty word was taken")
	}
}
