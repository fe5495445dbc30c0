package simulate

import (
	"testing"
	"time"

	"maelstrom/project"
)

// The number of instances follows the load, up at once and gently down, by the
// scheduler's own decisions.
func TestInstancesFollowTheLoad(t *testing.T) {
	s := scenario(20*time.Minute, component("web", nil))
	s.Nodes[0].MemoryMiB = 8 << 10
	s.Defaults.Service = fixed(500 * time.Millisecond)
	s.Loads = []Load{
		{Component: "p_web", Pattern: &Pattern{Shape: Constant, Rate: 0.5}},
		{Component: "p_web", Pattern: &Pattern{Shape: Square, To: 20, Period: 10 * time.Minute}},
	}
	r := run(t, s)
	high, low := ready(r, 2*time.Minute, 5*time.Minute), ready(r, 8*time.Minute, 10*time.Minute)
	if high.least < 10 || high.most > 17 {
		t.Errorf("for ten requests at a time there were %d to %d instances", high.least, high.most)
	}
	if low.least < 1 || low.most > 2 {
		t.Errorf("for a request each other second there were %d to %d instances", low.least, low.most)
	}
	if r.Totals.Refused+r.Totals.Failed > 0 {
		t.Error(numbers(r.Totals))
	}
}

// With a constant load nothing changes.
func TestConstantLoadChangesNothing(t *testing.T) {
	s := scenario(40*time.Minute, component("web", func(c *project.Component) { c.MaxConcurrency = 4 }))
	s.Nodes[0].MemoryMiB = 8 << 10
	s.Loads = []Load{{Component: "p_web", Pattern: &Pattern{Shape: Constant, Rate: 100}}}
	r := run(t, s)
	if n := ready(r, 10*time.Minute, 40*time.Minute); n.most-n.least > 1 {
		t.Errorf("%d to %d instances", n.least, n.most)
	}
	moves := 0
	for _, m := range r.Moves {
		if m.At >= 600 && m.Component != "" {
			moves++
		}
	}
	if moves > 4 { // what one change takes
		t.Errorf("%d moves", moves)
	}
}

type bounds struct{ least, most int }

// ready tells how many instances of p_web there were between two times.
func ready(r *Result, from, to time.Duration) (b bounds) {
	b.least = -1
	for k := range r.Ticks {
		at := time.Duration(r.Ticks[k].At * float64(time.Second))
		if at < from || at > to {
			continue
		}
		n := r.Ticks[k].of("p_web").Ready
		if b.most = max(b.most, n); b.least < 0 || n < b.least {
			b.least = n
		}
	}
	return b
}
