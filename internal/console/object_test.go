package console

import "testing"

// TestObject wants an object to look as package json makes it.
func TestObject(t *testing.T) {
	t.Parallel()
	texts := []string{
		"", "plain", "two words", `"quoted"`, `back\slash`, "line\nend", "tab\t", "\x00", "\x7f", "\x1b[31m", "<b>&", "é", "日本", "\u2028\u202e",
		"not UTF-8: \xff", "🚀", "{}", "'", "/",
	}
	for i, text := range texts {
		for _, number := range []float64{0, 0.01, 0.37, 2, 1234.56, 90_000, 1 << 53} {
			want, err := JSON(struct {
				Text    string             `json:"text"`
				None    string             `json:"none,omitempty"`
				Some    string             `json:"some,omitempty"`
				Integer int                `json:"integer"`
				Number  float64            `json:"number"`
				Empty   map[string]*string `json:"empty"`
				Texts   map[string]*string `json:"texts"`
			}{text, "", text, i * 1000, number, map[string]*string{}, map[string]*string{"z": nil, text: &text, "a": &text}})
			if err != nil {
				t.Fatal(err)
			}
			var o Object
			o.Text("text", text)
			o.TextIfAny("none", "")
			o.TextIfAny("some", text)
			o.Integer("integer", int64(i*1000))
			o.Number("number", number)
			o.Texts("empty", nil)
			o.Texts("texts", map[string]*string{"z": nil, text: &text, "a": &text})
			if got := o.Line(); got != want+"\n" {
				t.Errorf("got  %swant %s", got, want)
			}
		}
	}
}
