package scheduler

import (
	"time"

	"maelstrom/project"
)

// minimum is how many instances there are at any time: mininstances, and with
// the hours to be awake in that are open now. While a version has to prove
// itself, only what the one before asked for as well.
func (p *planner) minimum(c *component) (always, open int) {
	always, open = p.minimumOf(c.spec)
	if c.kept != nil {
		a, o := p.minimumOf(c.kept.Effective)
		always, open = min(always, a), min(open, o)
	}
	return always, open
}

func (p *planner) minimumOf(spec *project.Component) (always, open int) {
	always = spec.MinInstances
	if len(spec.Awake) == 0 {
		return always, always
	}
	zone := p.in.Zone
	if zone == nil {
		zone = time.UTC
	}
	windows, changes := spec.AwakeMinimum(p.in.Now, zone)
	if changes.After(p.in.Now) {
		p.look(changes)
	}
	return always, max(always, windows)
}

// hold raises the target to n without any work for it: what it adds goes at
// once when it is not held any more.
func (m *Scale) hold(n int, now time.Time) {
	if m.Target == 0 && n > 0 {
		m.Awake = now
	}
	m.Target = max(m.Target, n)
}
