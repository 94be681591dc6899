package console

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

func TestPrintConfig(t *testing.T) {
	const key = "aGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8gMzI="
	file := writeFile(t, EnvDevice+"=HostName=h;DeviceId=d;SharedAccessKey="+key+"\n"+EnvDeviceID+"=fromFile")
	for _, test := range []struct {
		name        string
		args        []string
		environment string // the device id
		want        string
	}{
		{
			"local", nil, "",
			`the local hub                      127.0.0.1:5672  (default)
--protocol                         amqp  (default)
--output                           text  (default)
--color                            auto  (default)
`,
		},
		{
			"flags",
			[]string{"--local=localhost:1", "-q", "-W", "10", "--proxy", "user:secret@proxy:1"},
			"fromEnvironment",
			`the local hub                      localhost:1  (--local)
IOTHUB_DEVICE_ID                   fromEnvironment  (the environment)
--protocol                         amqp  (default)
--proxy                            http://user:xxxxx@proxy:1  (command line)
--output                           text  (default)
--quiet                            true  (command line)
--color                            auto  (default)
--timeout                          10s  (command line)
`,
		},
		{
			"file",
			[]string{"--env-file", file, "-o", "json"},
			"",
			`{"event":"setting","name":"IOTHUB_DEVICE_CONNECTION_STRING","value":"HostName=h;DeviceId=d;SharedAccessKey=REDACTED","source":"` + file + `"}
{"event":"setting","name":"IOTHUB_DEVICE_ID","value":"fromFile","source":"` + file + `"}
{"event":"setting","name":"--env-file","value":"` + file + `","source":"command line"}
{"event":"setting","name":"--protocol","value":"amqp","source":"default"}
{"event":"setting","name":"--output","value":"json","source":"command line"}
{"event":"setting","name":"--color","value":"auto","source":"default"}
`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(EnvDevice, "")
			t.Setenv(EnvDeviceID, test.environment)
			var out bytes.Buffer
			var h HubFlags
			worked := false
			cmd := &cobra.Command{Use: "tool", RunE: func(*cobra.Command, []string) error { worked = true; return nil }}
			h.Add(&Console{Out: &out}, cmd, "127.0.0.1:5672", EnvDevice)
			cmd.SetArgs(append(test.args, "--print-config"))
			if err := cmd.Execute(); err != nil || worked {
				t.Fatalf("got %v, worked: %v", err, worked)
			}
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
