package page

import (
	"math"
	"net/http"
	"time"

	"iothub-c2d/internal/localhub/broker"
)

// devicesJSON is a part of all devices and modules.
type devicesJSON struct {
	Now       time.Time    `json:"now"`
	Hub       string       `json:"hub"`
	Total     int          `json:"total"` // these four are of all
	Connected int          `json:"connected"`
	Messages  int          `json:"messages"`
	Feedback  int          `json:"feedback"`
	Matches   int          `json:"matches"` // on this page and others
	Offset    int          `json:"offset"`
	Devices   []deviceJSON `json:"devices"`
}

type deviceJSON struct {
	Device      string           `json:"device"`
	Module      string           `json:"module,omitempty"`
	Messages    int              `json:"messages"`
	Locked      int              `json:"locked"`
	Active      *time.Time       `json:"active"`
	Connections []connectionJSON `json:"connections"` // the oldest
	More        int              `json:"more"`        // connections
}

type connectionJSON struct {
	Protocol  string     `json:"protocol"`
	Transport string     `json:"transport"`
	Client    string     `json:"client"`
	Since     *time.Time `json:"since"`
}

// maxText is how long a text to look for may be, in bytes: longer than any id.
const maxText = 300

// devices answers with the devices and modules that have a text in their ids.
func (p *Page) devices(r *http.Request) (any, *failure) {
	limit, err := rows(r)
	if err != nil {
		return nil, err
	}
	offset, err := number(r, "offset", 0, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	s := broker.Selection{Text: query.Get("text"), Offset: offset, Limit: limit}
	switch show := query.Get("show"); {
	case len(s.Text) > maxText:
		return nil, &failure{http.StatusBadRequest, "text is too long."}
	case show == "messages":
		s.WithMessages = true
	case show == "connected":
		s.OnlyConnected = true
	case show != "" && show != "all":
		return nil, &failure{http.StatusBadRequest, "show is not all, messages or connected."}
	}
	o := p.broker.Views(s)
	answer := devicesJSON{
		Now: time.Now().UTC(), Hub: p.hub, Total: o.Total, Connected: o.Connected, Messages: o.Messages,
		Feedback: p.broker.Feedback().Len(), Matches: o.Matches, Offset: offset, Devices: make([]deviceJSON, 0, len(o.Views)),
	}
	for _, v := range o.Views {
		answer.Devices = append(answer.Devices, showDevice(v))
	}
	return answer, nil
}

// maxOver is how many connections are shown of a device: each of thousands may act as
// any number of devices.
const maxOver = 8

func showDevice(v broker.View) deviceJSON {
	shown := v.Connections[:min(maxOver, len(v.Connections))]
	d := deviceJSON{
		Device: v.ID.Device, Module: v.ID.Module, Messages: v.Messages, Locked: v.Locked,
		Active: at(v.Active), Connections: []connectionJSON{}, More: len(v.Connections) - len(shown),
	}
	for _, c := range shown {
		d.Connections = append(d.Connections, connectionJSON{c.Protocol, c.Transport, c.Client, at(c.Since)})
	}
	return d
}
