package scheduler

import (
	"slices"

	"maelstrom/cluster"
	"maelstrom/project"
)

// roll takes the next step of a roll-out. With startstop the new instances
// come first; an outdated one goes when one of them is ready, or before, if
// there is no room for both. Until the version is proven, and in series, it is
// one instance at a time, and the next not before the one of the step before
// is ready.
func (p *planner) roll(c *component) {
	missing := c.memory.Target - len(c.running)
	if missing <= 0 || !c.atOnce() && p.serves(c) < len(c.running) {
		return
	}
	switch {
	case c.stopFirst():
		p.stopBatch(c)
	case c.full():
		if p.serves(c) == len(c.running) {
			p.stopOneForNext(c)
		}
	case c.atOnce():
		c.wanted, c.surge = missing, true
	default:
		c.wanted, c.surge = 1, true
	}
}

// stopBatch stops as many outdated instances as may be away at a time: half of
// them, where instances may start together.
func (p *planner) stopBatch(c *component) {
	if slices.ContainsFunc(c.leaving, c.current) {
		return // it may come back instead
	}
	batch := 1
	if c.atOnce() {
		batch = max(1, c.memory.Target/2)
	}
	away := max(0, c.memory.Target-p.serves(c)-len(c.outdated))
	p.stop(c, &c.outdated, min(batch-away, len(c.outdated)))
}

// stopOneForNext makes room by stopping an outdated instance, unless some are
// leaving already.
func (p *planner) stopOneForNext(c *component) {
	if len(c.leaving) == 0 {
		p.stop(c, &c.outdated, 1)
	}
}

// pace bounds what starts together.
func (p *planner) pace(c *component) {
	if c.spec == nil {
		return
	}
	missing := c.wanted + c.fill
	defer func() { c.paced = c.wanted+c.fill < missing }()
	if c.inSeries() {
		most := 1
		if p.starts(c) {
			most = 0
		}
		c.wanted = min(c.wanted, most)
		c.fill = min(c.fill, most-c.wanted)
	}
	if c.spec.StartParallelism == project.StartSeriesFirst && c.unproven() {
		c.wanted = max(0, min(c.wanted, 1-len(c.running)))
	}
}

func (c *component) inSeries() bool { return c.spec.StartParallelism == project.StartSeries }

// unproven tells whether the current version is one that none was ready of.
func (c *component) unproven() bool { return c.row == c.declared && c.row.Unproven() }

// atOnce tells whether instances of the current version may start together
// with others of it in a roll-out.
func (c *component) atOnce() bool { return !c.inSeries() && !c.unproven() }

// starts tells whether something of c is on its way to be ready, or back to
// it, as far as that is known. What a lost node does is not waited for, nor the
// image of a version that is to prove itself.
func (p *planner) starts(c *component) bool {
	for _, pl := range slices.Concat(c.running, c.outdated) {
		if p.alive(pl) && p.stage(pl) != ready && !(c.kept != nil && c.current(pl) && p.isPulling(pl)) {
			return true
		}
	}
	return slices.ContainsFunc(c.leaving, func(pl *cluster.Placement) bool {
		i, ok := p.in.Snapshot.Instances.Get(pl.ID)
		return p.alive(pl) && (p.stage(pl) == starting || ok && i.State == cluster.InstanceStarting)
	})
}

func (p *planner) alive(pl *cluster.Placement) bool {
	n, ok := p.in.Snapshot.Nodes.Get(pl.Node)
	return ok && n.State != cluster.NodeDown
}
