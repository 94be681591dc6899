package iothub

import (
	"testing"
	"time"
)

func TestRenewAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ life, want time.Duration }{
		{time.Hour, 51 * time.Minute},
		{10 * time.Minute, 510 * time.Second},
		{20 * time.Second, 17 * time.Second},
		{time.Second, renewalPause},
		{0, renewalPause},
		{-time.Hour, renewalPause},
	} {
		got := renewAfter(now.Add(tt.life), now)
		if diff := got - tt.want; diff < -time.Microsecond || diff > time.Microsecond {
			t.Errorf("renewAfter(%s) = %s, want %s", tt.life, got, tt.want)
		}
	}
	if got := renewAfter(now.AddDate(1000, 0, 0), now); got < 200*365*24*time.Hour {
		t.Errorf("renewAfter(1000 years) = %s, want centuries", got)
	}
}
