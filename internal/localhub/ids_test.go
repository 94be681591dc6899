package localhub

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"iothub-c2d/internal/amqpserver/rawclient"
	"iothub-c2d/internal/amqpwire"
	"iothub-c2d/internal/localhub/defaults"
	"iothub-c2d/internal/sas"
)

// dialects are how the SDKs spell an id: in a message's to, in a link's address, and
// in the resource of a token before it is escaped as a whole.
var dialects = map[string]struct{ to, address, resource func(id string) string }{
	"Node":   {component, asIs, asIs},
	"C#":     {dotNet, dotNet, dotNet},
	"Java":   {asIs, asIs, url.QueryEscape},
	"C":      {asIs, asIs, asIs},
	"Python": {asIs, asIs, asIs},
}

func asIs(id string) string { return id }

// component is JavaScript's encodeURIComponent.
func component(id string) string {
	return strings.NewReplacer("%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(sas.Escape(id))
}

// dotNet is WebUtility.UrlEncode, for an id without a space.
func dotNet(id string) string {
	return strings.NewReplacer("%21", "!", "%28", "(", "%29", ")", "%2A", "*", "~", "%7E").Replace(sas.Escape(id))
}

// TestIDsOfSDKs sends and receives with ids of all the characters that Microsoft's
// SDKs take, in the spelling of each.
func TestIDsOfSDKs(t *testing.T) {
	t.Parallel()
	const all = "AZaz09-:.+%_#*?!(),=@$'"
	for _, id := range []string{all, "a", strings.Repeat("x", 128), strings.Repeat("'", 128), "100%", "devices", "modules", "a;b", "UPPER.lower"} {
		for sdk, d := range dialects {
			t.Run(sdk+" "+id[:min(len(id), 30)], func(t *testing.T) {
				inWorld(t, Options{Devices: []Device{{ID: id, Key: defaults.Key()}}}, func(t *testing.T, w *world) {
					for _, module := range []string{"", "/modules/"} {
						path := func(spell func(string) string) string {
							if module == "" {
								return "/devices/" + spell(id)
							}
							return "/devices/" + spell(id) + module + spell(id)
						}
						back := w.service()
						back.Sender(0, serviceAddress)
						m := c2d("m")
						m.Properties.To = path(d.to) + "/messages/devicebound"
						if refused := back.sendC2D(m); refused != nil {
							t.Fatalf("to %s: %v", m.Properties.To, refused)
						}
						c := w.begun()
						c.putToken(token("", testHost+path(d.resource), time.Hour))
						c.Receiver(0, path(d.address)+"/messages/devicebound")
						c.Credit(0, 0, 1)
						transfer, payload := c.WantTransfer()
						if got := rawclient.Decode(t, payload).Properties.To; got != m.Properties.To {
							t.Errorf("to %s, want %s", got, m.Properties.To)
						}
						c.Settle(*transfer.DeliveryID, &amqpwire.Accepted{})
					}
				})
			})
		}
	}
}
