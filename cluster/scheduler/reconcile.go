package scheduler

import (
	"cmp"
	"slices"

	"maelstrom/cluster"
)

// reconcile brings the placements of a component towards its target: stops
// what is too much, turns back what is still leaving, and sets how many are to
// be added.
func (p *planner) reconcile(c *component) {
	if c.row == nil {
		p.stop(c, &c.running, len(c.running))
		p.stop(c, &c.outdated, len(c.outdated))
		return
	}
	p.stopUseless(c)
	target := c.memory.Target
	p.stop(c, &c.running, len(c.running)-target)
	p.stop(c, &c.outdated, len(c.outdated)-max(0, target-p.serves(c)))
	p.turnBack(c, target-c.live())
	c.wanted = max(0, target-c.live())
	if c.stopFirst() {
		c.wanted = max(0, target-c.rows())
	}
	if len(c.outdated) > 0 && c.wanted == 0 {
		p.roll(c)
	}
}

// serves counts the instances of the current version that are ready.
func (p *planner) serves(c *component) int { return p.count(c.running, ready) }

// stopUseless stops instances of an old version that serve nobody: a newer
// version is there to be tried instead.
func (p *planner) stopUseless(c *component) {
	var kept []*cluster.Placement
	for _, pl := range c.outdated {
		if s := p.stage(pl); s == ready || s == unknown {
			kept = append(kept, pl)
			continue
		}
		p.want(pl, cluster.WantStop)
		c.leaving = append(c.leaving, pl)
	}
	c.outdated = kept
}

// roll takes the next step of a roll-out, one instance at a time and not
// before the one of the step before is ready: a version that fails keeps the
// old one. With startstop the new instance comes first; an outdated one goes
// when it is ready, or before, if there is no room for both.
func (p *planner) roll(c *component) {
	if p.serves(c) < len(c.running) {
		return
	}
	if !c.stopFirst() && !c.full() {
		c.wanted, c.surge = 1, true
		return
	}
	p.stopOneForNext(c)
}

// stopOneForNext makes room by stopping an outdated instance, unless some are
// leaving already.
func (p *planner) stopOneForNext(c *component) {
	if len(c.leaving) == 0 {
		p.stop(c, &c.outdated, 1)
	}
}

// stop takes n placements of a list back, those first that serve least, then
// the highest slots.
func (p *planner) stop(c *component, list *[]*cluster.Placement, n int) {
	if n <= 0 {
		return
	}
	order := slices.Clone(*list)
	slices.SortStableFunc(order, func(a, b *cluster.Placement) int {
		return cmp.Or(cmp.Compare(p.worth(a), p.worth(b)), cmp.Compare(b.Slot, a.Slot))
	})
	for _, pl := range order[:n] {
		p.want(pl, cluster.WantStop)
		c.leaving = append(c.leaving, pl)
	}
	*list = order[n:]
}

func (p *planner) worth(pl *cluster.Placement) int {
	switch p.stage(pl) {
	case failed, stopping:
		return 0
	case starting:
		return 1
	}
	return 2
}

// turnBack keeps up to n placements that are leaving and can still be kept. An
// outdated one is let go: it would have to be replaced anyway.
func (p *planner) turnBack(c *component, n int) {
	var kept []*cluster.Placement
	for _, pl := range c.leaving {
		if n <= 0 || !p.canTurnBack(c, pl) {
			kept = append(kept, pl)
			continue
		}
		p.want(pl, cluster.WantRun)
		c.running = append(c.running, pl)
		n--
	}
	c.leaving = kept
}

func (p *planner) canTurnBack(c *component, pl *cluster.Placement) bool {
	node, ok := p.in.Snapshot.Nodes.Get(pl.Node)
	if !ok || node.State != cluster.NodeUp || pl.Want != cluster.WantStop || !c.current(pl) {
		return false
	}
	s := p.stage(pl)
	return s != stopping && s != failed && !p.in.Load.Stopping[pl.ID]
}
