package console

import (
	"bytes"
	"testing"
)

func TestColor(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	const plain, colored = "m1: Rejected\\a at last\n", "m1: \x1b[31mRejected\\a\x1b[0m at last\n"
	for _, test := range []struct {
		name      string
		color     Color
		noColor   string
		output    Output
		out, errs string
	}{
		{"no terminal", ColorAuto, "", OutputText, plain, plain},
		{"always", ColorAlways, "", OutputText, colored, colored},
		{"always, stronger than NO_COLOR", ColorAlways, "1", OutputText, colored, colored},
		{"never", ColorNever, "", OutputText, plain, plain},
		{"JSON is data", ColorAlways, "", OutputJSON, plain, colored},
	} {
		t.Setenv("NO_COLOR", test.noColor)
		var out, errs bytes.Buffer
		c := &Console{Out: &out, Err: &errs, Color: test.color, Output: test.output}
		if err := c.PrintText(c.OutLine().Add("m1: ").Outcome(Bad, "%s\x07", "Rejected").Add(" at last")); err != nil {
			t.Fatal(err)
		}
		c.NoteText(c.ErrLine().Add("m1: ").Outcome(Bad, "Rejected\x07").Add(" at last"))
		if out.String() != test.out || errs.String() != test.errs {
			t.Errorf("%s: got %q and %q, want %q and %q", test.name, out.String(), errs.String(), test.out, test.errs)
		}
	}
}

func TestQuietNoteText(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	c := &Console{Err: &errs, Quiet: true}
	if c.NoteText(c.ErrLine().Add("x")); errs.Len() > 0 {
		t.Errorf("got %q", errs.String())
	}
}
