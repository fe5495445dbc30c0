package simulate

import (
	"testing"
	"time"

	"maelstrom/project"
)

// rare is a component that is asked each twenty minutes, on a node of its own.
func rare(idle project.Idle, load ...Load) Scenario {
	s := with(scenario(48*time.Hour, component("web", func(c *project.Component) { c.Idle = idle })), load...)
	s.Tick = time.Hour
	return s
}

// What comes at regular times finds an instance, once that was learned, and no
// more memory is kept for it than with a fixed time.
func TestLearnedIdleTimes(t *testing.T) {
	load := Load{Component: "p_web", Pattern: &Pattern{Shape: Constant, Rate: 1.0 / 1200}}
	fixed, learned := run(t, rare(project.IdleFixed, load)), run(t, rare(project.IdleLearned, load))
	if n := fixed.Totals; n.ColdStarts != n.Requests || fixed.Components[0].Learned != nil {
		t.Errorf("fixed: %s, %+v", numbers(n), fixed.Components[0].Learned)
	}
	c := learned.Components[0]
	if c.ColdStarts > c.Requests/10 || c.Answered != c.Requests {
		t.Errorf("learned: %s", numbers(c.Totals))
	}
	if l := c.Learned; l == nil || l.Spells < c.Requests-2 || l.Avoided < l.Spells*8/10 || l.Cold+l.Avoided != l.Spells || l.IdleHours >= 48 {
		t.Errorf("%+v", l)
	}
	if starts := learned.Totals.Starts; starts < c.Requests*8/10 {
		t.Errorf("%d starts for %d requests: it never slept", starts, c.Requests)
	}
}

// Crons fire at their times, and what nobody else asks for is started ahead.
func TestCronsAreForeseen(t *testing.T) {
	s := rare(project.IdleLearned)
	s.Projects[0].EventSources = []project.EventSource{{Name: "p_hourly", Component: "p_web", Cron: &project.CronSource{Schedule: "15 * * * *"}}}
	if n := run(t, s).Totals.Requests; n != 0 {
		t.Errorf("%d requests without crons", n)
	}
	s.Crons, s.Defaults.Start = true, Spread{Median: 500 * time.Millisecond, P95: time.Second}
	r := run(t, s)
	if r.Totals.Requests != 48 || r.Totals.ColdStarts > 10 {
		t.Errorf("%s", numbers(r.Totals))
	}
	if l := r.Components[0].Learned; l == nil || l.Avoided < 40 || l.IdleHours > 2 {
		t.Errorf("%+v", l)
	}
}
