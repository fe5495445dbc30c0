package daemon

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"maelstrom/cluster"
)

func TestHabitMetrics(t *testing.T) {
	effect, components := cluster.HabitEffect{}, 0
	m := &habitMetrics{effect: func() (cluster.HabitEffect, int) { return effect, components }}
	if n := testutil.CollectAndCount(m, "maelstrom_learned_components"); n != 0 {
		t.Errorf("a node that does not place knows of %d", n)
	}
	components = 2
	effect = cluster.HabitEffect{Spells: 10, Cold: 3, Avoided: 5, Added: 1, Kept: time.Hour, Fixed: 90 * time.Minute}
	want := `
# HELP maelstrom_learned_cold_starts_total Cold starts beside those of idletimeoutseconds, by whether they were avoided or added.
# TYPE maelstrom_learned_cold_starts_total counter
maelstrom_learned_cold_starts_total{change="added"} 1
maelstrom_learned_cold_starts_total{change="avoided"} 5
# HELP maelstrom_learned_idle_seconds_total Time of instances without a request, by policy: as it was, and as idletimeoutseconds would have had it.
# TYPE maelstrom_learned_idle_seconds_total counter
maelstrom_learned_idle_seconds_total{policy="fixed"} 5400
maelstrom_learned_idle_seconds_total{policy="learned"} 3600
`
	if err := testutil.CollectAndCompare(m, strings.NewReader(want), "maelstrom_learned_cold_starts_total", "maelstrom_learned_idle_seconds_total"); err != nil {
		t.Error(err)
	}
}
