package main

import (
	"testing"
	"time"
)

func TestBriefDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 90 * time.Second: "90s", 150 * time.Second: "3m", 59*time.Minute + 50*time.Second: "1h",
		125 * time.Minute: "2h5m", 3 * time.Hour: "3h", 24*time.Hour - time.Second: "24h", 47 * time.Hour: "47h", 6*24*time.Hour - time.Minute: "6d",
	} {
		if got := brief(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
