package scheduler

import (
	"slices"

	"maelstrom/cluster"
)

// gate brings a component towards its target whose version has to prove itself
// by one instance, the gate, while the version that is kept serves on. Nobody
// waits longer for that than for any start: where nothing of the kept version
// runs, the gate is the first instance, unless its image has yet to come.
func (p *planner) gate(c *component) {
	target := c.memory.Target
	p.drop(c, func(pl *cluster.Placement) bool { return p.stale(c, pl) })
	p.stop(c, &c.running, len(c.running)-1)
	p.stop(c, &c.outdated, len(c.outdated)-target)
	p.turnBack(c, 1-len(c.running))
	missing := target - c.live() + p.pulls(c)
	if len(c.running) == 0 {
		p.addGate(c)
		missing--
	}
	if c.kept == nil {
		return // it turned out that there will never be room for it
	}
	if c.stopFirst() {
		missing = min(missing, target-c.rows()-c.wanted)
	}
	c.fill = max(0, missing)
}

// pulls counts the gates whose image has yet to come. Whatever that takes,
// nobody waits for it: what is kept is here.
func (p *planner) pulls(c *component) int {
	n := 0
	for _, pl := range c.running {
		if p.isPulling(pl) {
			n++
		}
	}
	return n
}

func (p *planner) isPulling(pl *cluster.Placement) bool {
	i, ok := p.in.Snapshot.Instances.Get(pl.ID)
	return ok && i.State == cluster.InstancePulling
}

// stale tells whether an outdated placement is no use while a version has to
// prove itself: it neither is of the one that is kept, nor serves; or it fails,
// where instances start one after the other.
func (p *planner) stale(c *component, pl *cluster.Placement) bool {
	s := p.stage(pl)
	if runs(c.kept, pl) {
		return s == failed && c.inSeries()
	}
	return s != ready && s != unknown
}

// addGate finds out how the gate gets its place: that of an instance which is
// missing anyway, one beside the others, or one of theirs.
func (p *planner) addGate(c *component) {
	target := c.memory.Target
	switch {
	case target == 0:
		c.probe = true
	case c.live() < target:
		if !c.stopFirst() || c.rows() < target {
			c.wanted = 1
		}
	case !c.stopFirst() && !c.full():
		c.wanted, c.surge = 1, true
	case len(c.leaving) == 0:
		p.makeRoom(c, p.refusal(c))
	}
}

// makeRoom stops a kept instance for the gate. Where the gate would not fit
// even then, nothing is stopped, and its version is refused.
func (p *planner) makeRoom(c *component, refusal *cluster.Failure) {
	if len(c.leaving) > 0 && len(c.outdated) > 0 || p.stopFor(c) || refusal == nil {
		return
	}
	p.refuseVersion(c, refusal)
}

// refuseVersion ends a roll-out in the middle of a plan: the component is
// planned anew by what is kept, which may ask for less.
func (p *planner) refuseVersion(c *component, why *cluster.Failure) {
	p.fail(c, why)
	p.scale(c)
	p.reconcile(c)
	p.again = append(p.again, c)
}

// stopFor stops the outdated instance that serves least of those in whose
// place the gate fits.
func (p *planner) stopFor(c *component) bool {
	order := slices.SortedStableFunc(slices.Values(c.outdated), p.compareWorth)
	i := slices.IndexFunc(order, func(pl *cluster.Placement) bool { return p.fitsFor(c, pl) })
	if i < 0 {
		return false
	}
	rest := slices.Delete(slices.Clone(order), i, i+1)
	c.outdated = order[i : i+1]
	p.stop(c, &c.outdated, 1)
	c.outdated = rest
	return true
}

// fitsFor tells whether an instance of the current version fits somewhere once
// all that is leaving has left, and an outdated instance too.
func (p *planner) fitsFor(c *component, victim *cluster.Placement) bool {
	outdated, leaving := c.outdated, c.leaving
	defer func() { c.outdated, c.leaving = outdated, leaving }()
	c.outdated = slices.DeleteFunc(slices.Clone(outdated), func(pl *cluster.Placement) bool { return pl == victim })
	c.leaving = append(slices.Clone(leaving), victim)
	if n := p.room().of(victim.Node); n != nil {
		weight := p.weight(victim, n)
		n.leaving += weight
		defer func() { n.leaving -= weight }()
	}
	return slices.ContainsFunc(p.room().list, func(n *node) bool { return p.obstacle(c, n, soon) == nil })
}
