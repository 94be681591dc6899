package localhub_test

import (
	"reflect"
	"strings"
	"testing"

	"iothub-c2d/internal/localhub"
)

func TestParseFaults(t *testing.T) {
	t.Parallel()
	one := func(name localhub.FaultName, value string, when localhub.When) localhub.Faults {
		return localhub.Faults{List: []localhub.Fault{{Name: name, Value: value, When: when}}}
	}
	for _, tt := range []struct {
		text string
		want localhub.Faults
	}{
		{"", localhub.Faults{}},
		{" ", localhub.Faults{}},
		{"withhold-credit", one("withhold-credit", "", localhub.When{})},
		{"drop-after=500", one("drop", "", localhub.When{After: 500})},
		{"drop:after=500", one("drop", "", localhub.When{After: 500})},
		{"close-every=1000", one("close", "", localhub.When{Every: 1000})},
		{"close=none:first=1", one("close", "none", localhub.When{First: 1})},
		{"black-hole-after=7", one("black-hole", "", localhub.When{After: 7})},
		{"refuse-auth", one("refuse-auth", "", localhub.When{})},
		{"refuse-auth=none:first=3", one("refuse-auth", "none", localhub.When{First: 3})},
		{"refuse-auth=500:12.5%", one("refuse-auth", "500", localhub.When{Percent: 12.5})},
		{"detach=stolen:every=2", one("detach", "stolen", localhub.When{Every: 2})},
		{"detach=amqp:link:stolen:every=2", one("detach", "amqp:link:stolen", localhub.When{Every: 2})},
		{"detach=amqp:link:stolen", one("detach", "amqp:link:stolen", localhub.When{})},
		{"expire-locks=250ms", one("expire-locks", "250ms", localhub.When{})},
		{"seed=0x2a", localhub.Faults{Seed: 42}},
		{"drop:1%, seed=7, refuse-send=throttled:2%", localhub.Faults{Seed: 7, List: []localhub.Fault{
			{Name: "drop", When: localhub.When{Percent: 1}},
			{Name: "refuse-send", Value: "throttled", When: localhub.When{Percent: 2}},
		}}},
	} {
		got, err := localhub.ParseFaults(tt.text)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("ParseFaults(%q) = %+v, %v, want %+v", tt.text, got, err, tt.want)
		}
	}
}

func TestParseFaultsRefuses(t *testing.T) {
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
		_, err := localhub.ParseFaults(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseFaults(%q) = %v, want an error with %q", text, err, want)
		}
	}
}

func TestNewRefusesFaults(t *testing.T) {
	t.Parallel()
	faults := localhub.Faults{List: []localhub.Fault{{Name: "explode"}}}
	if _, err := localhub.New(&localhub.Options{Faults: faults}); err == nil {
		t.Error("New took a fault that does not exist")
	}
}

func FuzzParseFaults(f *testing.F) {
	for _, s := range []string{"", "drop-after=5", "refuse-auth=none:first=3,seed=7", "detach=amqp:link:stolen:1%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		faults, err := localhub.ParseFaults(text)
		if err != nil {
			return
		}
		if _, err := localhub.New(&localhub.Options{Faults: faults}); err != nil {
			t.Errorf("ParseFaults(%q) gave %+v, which New refuses: %v", text, faults, err)
		}
	})
}
