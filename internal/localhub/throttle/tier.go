package throttle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Tier is the size of a hub's units.
type Tier string

// The tiers that have cloud-to-device messages and a price.
const (
	S1 Tier = "S1"
	S2 Tier = "S2"
	S3 Tier = "S3"
)

// Tiers are all tiers.
var Tiers = []Tier{S1, S2, S3}

// maxUnits is how many units a hub can have. Source: Microsoft docs,
// azure-subscription-service-limits: 200 of S1 or S2, and 10 of S3.
var maxUnits = map[Tier]int{S1: 200, S2: 200, S3: 10}

// Size is what somebody pays for. The zero value has no limits.
type Size struct {
	Tier  Tier
	Units int
}

// Parse reads TIER or TIER:UNITS, such as S1 or s3:2.
func Parse(text string) (Size, error) {
	tier, count, several := strings.Cut(text, ":")
	s := Size{Tier(strings.ToUpper(tier)), 1}
	if !slices.Contains(Tiers, s.Tier) {
		return Size{}, fmt.Errorf("%q is not one of S1, S2, S3", tier)
	}
	if several {
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 || n > maxUnits[s.Tier] {
			return Size{}, fmt.Errorf("a hub has 1 to %d units of %s, not %q", maxUnits[s.Tier], s.Tier, count)
		}
		s.Units = n
	}
	return s, nil
}

// Limits are the limits of one hub. A nil one is none.
type Limits struct {
	Sends       *Bucket // messages from back ends to devices
	Connections *Bucket // of devices, new ones
	Receives    *Bucket // requests of devices for a message, over HTTP
	Registry    *Bucket // requests that read or change the registry
}

// Limits returns the limits of a hub of this size, with nothing used up. Source:
// Microsoft docs, iot-hub-devguide-quotas-throttling.
func (s Size) Limits() (l Limits) {
	if s.Units == 0 {
		return l
	}
	sends, connections, receives, registry := 100, 120, 1000, 100
	if s.Tier == S3 {
		sends, connections, receives, registry = 5000, 6000, 50_000, 5000
	}
	connections *= s.Units
	if s.Tier == S1 {
		connections = max(100, 12*s.Units)
	}
	return Limits{
		Sends:       NewBucket(sends*s.Units, "C2D sends", time.Minute),
		Connections: NewBucket(connections, "new device connections", time.Second),
		Receives:    NewBucket(receives*s.Units, "C2D receives over HTTPS", time.Minute),
		Registry:    NewBucket(registry*s.Units, "registry operations", time.Minute),
	}
}
