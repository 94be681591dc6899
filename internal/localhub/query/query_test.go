package query

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var row = Row{
	"deviceId": "dev1", "status": "enabled", "count": 3.0, "edge": false, "scope": nil,
	"capabilities": Row{"iotEdge": true}, "odd": []string{"x"}, "O'Neill": "O'Neill",
}

func TestWhere(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		where string
		want  bool
	}{
		{"deviceId = 'dev1'", true},
		{`deviceId="dev1"`, true},
		{"deviceId = 'DEV1'", false},
		{"deviceId != 'dev2'", true},
		{"deviceId <> 'dev1'", false},
		{"deviceId < 'dev2' and deviceId >= 'dev1'", true},
		{"deviceId > 'dev1'", false},
		{"count = 3", true},
		{"count <= 2.5", false},
		{"count >= -1", true},
		{"count > '1'", false},
		{"count != '3'", true},
		{"edge = false", true},
		{"edge = TRUE", false},
		{"edge < true", false},
		{"scope = null", true},
		{"missing = null", true},
		{"missing = ''", false},
		{"missing != 'x'", true},
		{"capabilities.iotEdge = true", true},
		{"capabilities.missing = true", false},
		{"deviceId.length = 4", false},
		{"capabilities = true", false},
		{"odd = 'x'", false},
		{"deviceId IN ['dev0', 'dev1']", true},
		{"deviceId in []", false},
		{"count IN [1, '3']", false},
		{"NOT deviceId = 'dev1'", false},
		{"not (edge = true or count = 4)", true},
		{"edge = true AND edge = true OR count = 3", true},
		{"edge = true AND (edge = true OR count = 3)", false},
		{"count = 3 OR edge = true AND edge = true", true},
		{"((count = 3))", true},
		{"deviceId = 'it''s'", false},
		{`deviceId = 'O\'Neill'`, false},
	} {
		q, err := Parse("SELECT * FROM devices WHERE " + test.where)
		if err != nil {
			t.Errorf("%s: %v", test.where, err)
		} else if got := q.Matches(row); got != test.want {
			t.Errorf("%s: %v, want %v", test.where, got, test.want)
		}
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		query, count string
		modules      bool
		want         Row
	}{
		{"SELECT * FROM devices", "", false, row},
		{"select\t*\r\nfrom devices.modules", "", true, row},
		{"SELECT deviceId, deviceScope FROM devices", "", false, Row{"deviceId": "dev1"}},
		{"SELECT deviceId AS DeviceId, capabilities.iotEdge as Edge FROM devices", "", false, Row{"DeviceId": "dev1", "Edge": true}},
		{"SELECT capabilities FROM devices", "", false, Row{"capabilities": Row{"iotEdge": true}}},
		{"SELECT COUNT() AS numberOfDevices FROM devices", "numberOfDevices", false, row},
		{"SELECT count FROM devices", "", false, Row{"count": 3.0}},
	} {
		q, err := Parse(test.query)
		if err != nil {
			t.Errorf("%s: %v", test.query, err)
			continue
		}
		if q.Modules != test.modules || q.Count != test.count || !q.Matches(row) {
			t.Errorf("%s: %+v", test.query, q)
		}
		if diff := cmp.Diff(test.want, q.Select(row)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.query, diff)
		}
	}
}

func TestQuotes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{`'it''s'`, "it's"}, {`'it\'s'`, "it's"}, {`"a""b"`, `a"b`}, {`'a\\'`, `a\`}, {`'a\b'`, `a\b`}, {`''`, ""}, {`"it's"`, "it's"},
	} {
		tokens, err := scan(test.text)
		if err != nil || len(tokens) != 2 || tokens[0] != (token{text, test.want}) {
			t.Errorf("%s: %v, %v, want %s", test.text, tokens, err, test.want)
		}
	}
}

func TestNotUnderstood(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ query, want string }{
		{"", "the end is not SELECT"},
		{"DELETE FROM devices", `"DELETE" is not SELECT`},
		{"SELECT", "the end is no field"},
		{"SELECT 'a' FROM devices", `"a" is no field`},
		{"SELECT * FROM", "the end is neither devices"},
		{"SELECT * FROM devices.jobs", `"devices.jobs" is neither devices`},
		{"SELECT a AS 1 FROM devices", `"1" is no name`},
		{"SELECT COUNT( FROM devices", `"FROM" is not )`},
		{"SELECT COUNT(), a FROM devices", "COUNT() must be alone"},
		{"SELECT a, COUNT() FROM devices", "COUNT() must be alone"},
		{"SELECT * FROM devices GROUP BY status", `"GROUP" is not understood here`},
		{"SELECT * FROM devices WHERE", "the end is no field"},
		{"SELECT * FROM devices WHERE a", "the end is no operator"},
		{"SELECT * FROM devices WHERE a ( b", `"(" is no operator`},
		{"SELECT * FROM devices WHERE STARTSWITH(a, 'b')", `"(" is no operator`},
		{"SELECT * FROM devices WHERE a = b", `"b" is no value`},
		{"SELECT * FROM devices WHERE a = 1.2.3", `"1.2.3" is no number`},
		{"SELECT * FROM devices WHERE a = 'b", "the string 'b has no end"},
		{"SELECT * FROM devices WHERE (a = 1", "the end is not )"},
		{"SELECT * FROM devices WHERE a IN 1", `"1" is not [`},
		{"SELECT * FROM devices WHERE a IN [1 2]", `"2" is not ,`},
		{"SELECT * FROM devices WHERE a IN [1,", "the end is no value"},
		{"SELECT * FROM devices WHERE NOT", "the end is no field"},
		{"SELECT * FROM devices WHERE a = 1 OR", "the end is no field"},
		{"SELECT # FROM devices", `"# FROM devices" is not understood`},
		{strings.Repeat("x", 5000), "it is longer than 4096 bytes"},
	} {
		if _, err := Parse(test.query); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.80s: error %v, want %s", test.query, err, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"SELECT * FROM devices", "SELECT a AS b, c.d FROM devices.modules WHERE NOT (a = 'x' OR b IN [1, true, null])",
		"SELECT COUNT() AS n FROM devices WHERE a != -1.5", "SELECT * FROM devices WHERE a = 'it''s'",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := Parse(s)
		if err != nil {
			return
		}
		q.Matches(row)
		if q.columns == nil && q.Count == "" && len(q.Select(row)) != len(row) {
			t.Errorf("%q does not select everything", s)
		}
	})
}
