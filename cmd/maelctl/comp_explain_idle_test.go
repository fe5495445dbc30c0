package main

import (
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
)

func TestPrintIdle(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	e := &cluster.HabitExplanation{By: "histogram", Why: "so and so"}
	var w strings.Builder
	printIdle(&w, 512, e)
	e.Last, e.Stops, e.Starts, e.Sleeps = noon, noon.Add(5*time.Second), noon.Add(27*time.Minute), noon.Add(34*time.Minute)
	e.Effect = cluster.HabitEffect{Since: noon.Add(-24 * time.Hour), Spells: 48, Cold: 3, Avoided: 46, Added: 1, Kept: 6 * time.Hour, Fixed: 4 * time.Hour}
	printIdle(&w, 512, e)
	want := `
idle: learned (histogram): so and so

idle: learned (histogram): so and so
  last request 2026-03-01 12:00:00 UTC, sleeps at 2026-03-01 12:00:05 UTC, is there ahead of the next from 2026-03-01 12:27:00 UTC to 2026-03-01 12:34:00 UTC
  since 2026-02-28 12:00:00 UTC: of 48 idle times 3 ended without an instance; with idletimeoutseconds it would have been 48
  instances without a request: 6h0m0s, 3.00 GiB h; with idletimeoutseconds 4h0m0s, 2.00 GiB h
`
	if w.String() != want {
		t.Errorf("got\n%s", w.String())
	}
}
