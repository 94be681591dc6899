package mqttwire

import "strings"

// What Microsoft's SDKs send first, with the signature masked.

const (
	pythonUser = "localhost/dev1/?api-version=2019-10-01&DeviceClientType=azure-iot-device-iothub-py%2F2.14.0%283.11.7%3BLinux%20%231%20SMP%20PREEMPT_DYNAMIC%20%400%3Bx86_64%29"
	nodeUser   = "localhost/dev1/?api-version=2021-04-12&DeviceClientType=azure-iot-device%2F1.18.4%20(node%20v20.20.2%3B%20Debian%2012%3B%20x64)"
	tokenStart = "SharedAccessSignature sr=localhost%2Fdevices%2Fdev1&sig="
)

var (
	pythonToken = tokenStart + strings.Repeat("x", 50) + "&se=1795656027"
	nodeToken   = tokenStart + strings.Repeat("x", 48) + "&se=1795656033"
)

var sdkVectors = []vector{
	{
		name: "sdk-python-connect", // azure-iot-device 2.14.0
		wire: `10 aa02 0004 "MQTT" 04 c0 003c 0004 "dev1" 009e "` + pythonUser + `" 0078 "` + pythonToken + `"`,
		want: &Connect{ClientID: "dev1", KeepAlive: 60, Username: new(pythonUser), Password: Password(pythonToken)},
	},
	{
		name: "sdk-python-subscribe",
		wire: `82 28 0001 0023 "devices/dev1/messages/devicebound/#" 01`,
		want: &Subscribe{ID: 1, Filters: []Filter{{"devices/dev1/messages/devicebound/#", AtLeastOnce}}},
	},
	{
		name: "sdk-node-connect", // azure-iot-device-mqtt 1.16.4
		wire: `10 8902 0004 "MQTT" 04 c0 00b4 0004 "dev1" 007f "` + nodeUser + `" 0076 "` + nodeToken + `"`,
		want: &Connect{ClientID: "dev1", KeepAlive: 180, Username: new(nodeUser), Password: Password(nodeToken)},
	},
	{
		name: "sdk-node-subscribe",
		wire: `82 28 b21a 0023 "devices/dev1/messages/devicebound/#" 01`,
		want: &Subscribe{ID: 0xb21a, Filters: []Filter{{"devices/dev1/messages/devicebound/#", AtLeastOnce}}},
	},
}
