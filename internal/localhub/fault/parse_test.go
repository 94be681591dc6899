package fault_test

import (
	"reflect"
	"strings"
	"testing"

	"iothub-c2d/internal/localhub/fault"
)

func TestParse(t *testing.T) {
	t.Parallel()
	one := func(name fault.Name, value string, when fault.When) fault.Faults {
		return fault.Faults{List: []fault.Fault{{Name: name, Value: value, When: when}}}
	}
	for _, tt := range []struct {
		text string
		want fault.Faults
	}{
		{"", fault.Faults{}},
		{" ", fault.Faults{}},
		{"withhold-credit", one("withhold-credit", "", fault.When{})},
		{"drop-after=500", one("drop", "", fault.When{After: 500})},
		{"drop:after=500", one("drop", "", fault.When{After: 500})},
		{"close-every=1000", one("close", "", fault.When{Every: 1000})},
		{"close=none:first=1", one("close", "none", fault.When{First: 1})},
		{"black-hole-after=7", one("black-hole", "", fault.When{After: 7})},
		{"refuse-auth", one("refuse-auth", "", fault.When{})},
		{"refuse-auth=none:first=3", one("refuse-auth", "none", fault.When{First: 3})},
		{"refuse-auth=500:12.5%", one("refuse-auth", "500", fault.When{Percent: 12.5})},
		{"detach=stolen:every=2", one("detach", "stolen", fault.When{Every: 2})},
		{"detach=amqp:link:stolen:every=2", one("detach", "amqp:link:stolen", fault.When{Every: 2})},
		{"detach=amqp:link:stolen", one("detach", "amqp:link:stolen", fault.When{})},
		{"expire-locks=250ms", one("expire-locks", "250ms", fault.When{})},
		{"seed=0x2a", fault.Faults{Seed: 42}},
		{"drop:1%, seed=7, refuse-send=throttled:2%", fault.Faults{Seed: 7, List: []fault.Fault{
			{Name: "drop", When: fault.When{Percent: 1}},
			{Name: "refuse-send", Value: "throttled", When: fault.When{Percent: 2}},
		}}},
	} {
		got, err := fault.Parse(tt.text)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Parse(%q) = %+v, %v, want %+v", tt.text, got, err, tt.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"explode":               "no such fault",
		"drop,,close":           "no such fault",
		"drop=5":                "takes no value",
		"drop:0%":               "not a percentage",
		"drop:101%":             "not a percentage",
		"drop:NaN%":             "not a percentage",
		"drop:x%":               "not a percentage",
		"drop:after=0":          "not a number from 1",
		"drop-after":            "not first=N",
		"drop-after=x":          "not a number from 1",
		"drop:never=1":          "not first=N",
		"drop:soon":             "not first=N",
		"refuse-auth=402":       "not one of 400",
		"detach=nonsense":       "not an error condition",
		"expire-locks=tomorrow": "not a duration",
		"expire-locks=-1s":      "not a duration",
		"seed=x":                "not a number",
	} {
		_, err := fault.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, want an error with %q", text, err, want)
		}
	}
}

func TestInjectorRefusesFaults(t *testing.T) {
	t.Parallel()
	faults := fault.Faults{List: []fault.Fault{{Name: "explode"}}}
	if _, err := fault.NewInjector(faults); err == nil {
		t.Error("NewInjector took a fault that does not exist")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "drop-after=5", "refuse-auth=none:first=3,seed=7", "detach=amqp:link:stolen:1%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		faults, err := fault.Parse(text)
		if err != nil {
			return
		}
		if _, err := fault.NewInjector(faults); err != nil {
			t.Errorf("Parse(%q) gave %+v, which NewInjector refuses: %v", text, faults, err)
		}
	})
}
