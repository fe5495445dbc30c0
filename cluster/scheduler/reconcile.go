package scheduler

import (
	"cmp"
	"slices"
	"time"

	"maelstrom/cluster"
)

// reconcile brings the placements of a component towards its target: stops
// what is too much, turns back what is still leaving, and sets how many are to
// be added.
func (p *planner) reconcile(c *component) {
	c.wanted, c.fill, c.surge, c.probe, c.paced = 0, 0, false, false, false
	p.chooseMoves(c)
	switch {
	case c.row == nil:
		p.stop(c, &c.running, len(c.running))
		p.stop(c, &c.outdated, len(c.outdated))
	case c.kept != nil:
		p.gate(c)
	default:
		p.steady(c)
	}
	p.pace(c)
}

// steady reconciles a component whose version has nothing to prove before
// there is more of it.
func (p *planner) steady(c *component) {
	p.stopUseless(c)
	target, spare := c.memory.Target, p.standIn(c)
	p.stop(c, &c.running, len(c.running)-target-spare)
	p.stop(c, &c.outdated, len(c.outdated)-max(0, target-p.serves(c)))
	p.turnBack(c, target-c.live())
	c.wanted = max(0, target-c.live())
	if c.stopFirst() {
		c.wanted = max(0, target-c.rows())
	}
	together := c.atOnce() && (c.stopFirst() || !c.full())
	switch {
	case len(c.outdated) > 0 && (c.wanted == 0 || together):
		p.roll(c)
	case c.wanted > 0:
	case spare > 0 && c.live() == target:
		p.addStandIn(c)
	}
}

// stopUseless stops instances of another version that serve nobody: the
// current one is there to be tried instead. One that has failed to prove
// itself is not to serve either.
func (p *planner) stopUseless(c *component) {
	p.drop(c, func(pl *cluster.Placement) bool {
		s := p.stage(pl)
		if runs(c.row, pl) {
			return s == failed // it moves
		}
		return s != ready && s != unknown || c.declared.Failed != nil && runs(c.declared, pl)
	})
}

// drop stops the outdated placements that useless names.
func (p *planner) drop(c *component, useless func(*cluster.Placement) bool) {
	var kept []*cluster.Placement
	for _, pl := range c.outdated {
		if !useless(pl) {
			kept = append(kept, pl)
			continue
		}
		p.want(pl, cluster.WantStop)
		c.leaving = append(c.leaving, pl)
	}
	c.outdated = kept
}

// stop takes n placements of a list back, those first that serve least, then
// those with the least in flight, the youngest, the highest slots.
func (p *planner) stop(c *component, list *[]*cluster.Placement, n int) {
	if n <= 0 {
		return
	}
	order := slices.SortedStableFunc(slices.Values(*list), p.compareWorth)
	for _, pl := range order[:n] {
		p.want(pl, cluster.WantStop)
		c.leaving = append(c.leaving, pl)
	}
	*list = order[n:]
}

func (p *planner) compareWorth(a, b *cluster.Placement) int {
	return cmp.Or(
		cmp.Compare(p.worth(a), p.worth(b)), compareBool(p.draining(b), p.draining(a)),
		cmp.Compare(p.inFlight(a), p.inFlight(b)), p.readyAt(b).Compare(p.readyAt(a)), cmp.Compare(b.Slot, a.Slot),
	)
}

// readyAt is when the instance of a placement was ready, by its node's clock.
func (p *planner) readyAt(pl *cluster.Placement) time.Time {
	i, _ := p.in.Snapshot.Instances.Get(pl.ID)
	if i == nil {
		return time.Time{}
	}
	return i.ReadyAt
}

// compareBool puts false first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func (p *planner) worth(pl *cluster.Placement) int {
	switch s := p.stage(pl); {
	case s == failed || s == stopping:
		return 0
	case p.suspect(pl):
		return 1
	case s == starting:
		return 2
	}
	return 3
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
	if !ok || node.State != cluster.NodeUp || !c.current(pl) || p.claimed(pl) {
		return false
	}
	s := p.stage(pl)
	return s != stopping && s != failed && !p.in.Load.Stopping[pl.ID]
}
